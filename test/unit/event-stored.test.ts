/**
 * The stored form: what is written comes back equal; what is not of this version is refused with a sentence.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobDecodeError } from '../../src/errors.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { eventOfJson } from '../fixtures/webhook.ts'

const cdr = () =>
  eventOfJson({ event_name: 'Cdr', cuid: '1700000000.30', starttime: '2023-11-14 22:13:31', billsec: 'x', extra: [1] })

/** As the lane makes it: the sequence put in front of the stored text. */
const job = (text: string, sequence = 1): Record<string, unknown> =>
  JSON.parse(text.replace('{', `{"sequence":${sequence},`))

test('stored form, of an event, begins with its version and holds plain JSON with dates as text', () => {
  const text = encode(cdr())

  assert.ok(text.startsWith('{"v":1,'))
  const { receivedAt, data, sequence } = JSON.parse(text)
  assert.equal(receivedAt, '2025-01-01T00:00:00.000Z')
  assert.deepEqual(data, { startTime: '2023-11-14T22:13:31.000Z', extra: [1] })
  assert.equal(sequence, undefined)
})

test('stored form, read back, is the event with its sequence', () => {
  assert.deepEqual(decode(job(encode(cdr()), 9_007_199_254_740_991)), { ...cdr(), sequence: 9_007_199_254_740_991 })
})

test('stored form, of a replay, keeps the sequence it replays', () => {
  assert.equal(decode(job(encode({ ...cdr(), replayOf: 7 }))).replayOf, 7)
  assert.ok(!('replayOf' in decode(job(encode(cdr())))))
})

test('stored form, of an event that was read back, holds no second sequence', () => {
  assert.equal(encode(decode(job(encode(cdr()), 5))), encode(cdr()))
})

test('stored form, of dates in groups and lists, revives them', () => {
  const report = eventOfJson({ event_name: 'AutoDialerReport', tries: [{ starttime: '2023-02-07 10:39:34' }, {}] })

  assert.deepEqual(decode(job(encode(report))).data, report.data)
})

test('stored form, with fields of the envelope nobody knows, is read without them', () => {
  const stored = { ...job(encode(cdr())), later: true }

  assert.deepEqual(decode(stored), { ...cdr(), sequence: 1 })
})

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['of a newer form', { ...job(encode(cdr())), v: 2 }, /newer version.*form 2.*reads 1/],
  ['of an event that is not known', { ...job(encode(cdr())), name: 'CallParked' }, /"CallParked".*does not know/],
  ['without a sequence', JSON.parse(encode(cdr())), /sequence/],
  ['with a callId that is a number', { ...job(encode(cdr())), callId: 1.3 }, /callId/],
  ['with a date that is none', { ...job(encode(cdr())), receivedAt: 'soon' }, /receivedAt/],
  ['with data that does not fit', { ...job(encode(cdr())), data: { startTime: 'soon' } }, /data\.startTime/],
  ['with a word outside the closed set', { ...job(encode(cdr())), data: { disposition: 'LOST' } }, /data\.disposition/],
  ['with data that is a list', { ...job(encode(cdr())), data: [] }, /data/],
  ['that is another program’s', { to: 'someone', body: 'hello' }, /not an event stored by the bridge/],
  ['that is null', null, /not an event stored by the bridge/],
  ['that is text', 'text', /not an event stored by the bridge/],
  ['that is a list', [], /not an event stored by the bridge/],
]

for (const [what, stored, message] of wrong) {
  test(`job data ${what}, is refused with a sentence`, () => {
    assert.throws(
      () => decode(stored),
      (error) => error instanceof JobDecodeError && error.code === 'BRIDGE_JOB_DECODE' && message.test(error.message),
    )
  })
}
