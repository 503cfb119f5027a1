/**
 * One record: what reading yields, whatever was done to the bytes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRecords, encodeRecord, headerBytes, lastSequence } from '../../src/spool/record.ts'

const bodies = Array.from({ length: 12 }, (_, index) =>
  Buffer.from(JSON.stringify({ v: 1, text: `رویداد ${'x'.repeat(index * 7)}` })),
)
const records = bodies.map((body, index) => encodeRecord(index + 1, body))
const file = Buffer.concat(records)
const starts = records.map((_, index) => Buffer.concat(records.slice(0, index)).length)

function read(bytes: Buffer): { intact: { sequence: number; body: string }[]; bad: number; covered: number } {
  const found = [...decodeRecords(bytes)]
  return {
    intact: found.flatMap((one) => (one.kind === 'intact' ? [{ sequence: one.sequence, body: `${one.body}` }] : [])),
    bad: found.filter(({ kind }) => kind === 'bad').length,
    covered: found.reduce((sum, { start, end }) => sum + end - start, 0),
  }
}

const whole = read(file).intact

test('records, one after the other, are read back as they were written', () => {
  assert.deepEqual(
    whole,
    bodies.map((body, index) => ({ sequence: index + 1, body: `${body}` })),
  )
  assert.equal(lastSequence(file), bodies.length)
})

test('a file cut at every byte of its last three records, when read, loses no intact record and yields no wrong one', () => {
  let cuts = 0
  for (let cut = starts.at(-3)!; cut <= file.length; cut += 1) {
    const intact = starts.filter((start, index) => start + records[index]!.length <= cut).length
    const { intact: found, bad, covered } = read(file.subarray(0, cut))

    assert.deepEqual(found, whole.slice(0, intact), `cut at ${cut}`)
    assert.equal(bad, starts.includes(cut) || cut === file.length ? 0 : 1)
    assert.equal(covered, cut)
    assert.equal(lastSequence(file.subarray(0, cut)), intact)
    cuts += 1
  }
  assert.ok(cuts > 3 * headerBytes)
})

test('500 random bit flips, one at a time, cost exactly the record they hit', () => {
  fc.assert(
    fc.property(fc.nat(file.length * 8 - 1), (bit) => {
      const bytes = Buffer.from(file)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const hit = starts.findLastIndex((start) => start <= bit >> 3)

      assert.deepEqual(read(bytes).intact, whole.toSpliced(hit, 1))
    }),
    { numRuns: 500 },
  )
})

test('stretches zeroed, cut out or overwritten anywhere, when read, leave every untouched record and yield no wrong one', () => {
  const damage = fc.tuple(fc.nat(file.length), fc.nat(200), fc.constantFrom('zero', 'cut', 'repeat'))
  fc.assert(
    fc.property(damage, ([from, length, how]) => {
      const end = Math.min(file.length, from + length)
      const middle =
        how === 'zero' ? Buffer.alloc(end - from) : how === 'cut' ? Buffer.alloc(0) : file.subarray(0, end - from)
      const { intact, covered } = read(Buffer.concat([file.subarray(0, from), middle, file.subarray(end)]))

      const untouched = whole.filter(
        (_, index) => starts[index]! + records[index]!.length <= from || starts[index]! >= end,
      )
      for (const one of untouched)
        assert.ok(
          intact.some(({ sequence }) => sequence === one.sequence),
          `${one.sequence} lost`,
        )
      for (const one of intact) assert.equal(one.body, whole[one.sequence - 1]?.body)
      assert.equal(covered, from + middle.length + file.length - end)
    }),
    { numRuns: 500 },
  )
})

test('any bytes, when read, throw nothing and yield no record', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (noise) => {
      assert.deepEqual(read(Buffer.from(noise)).intact, [])
    }),
  )
})

test('a body, whatever text it holds, is never taken for the start of a record', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const inner = encodeRecord(99, Buffer.from('never written'))
      const bytes = encodeRecord(1, Buffer.from(text + inner.toString('latin1') + inner.toString('utf8')))
      bytes[0]! ^= 1

      assert.deepEqual(read(bytes).intact, [])
    }),
  )
})
