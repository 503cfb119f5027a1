/**
 * One record of the spool: magic, length, sequence, form, checksum, body. Pure: bytes in, bytes out.
 * Whatever was done to the bytes, reading yields every intact record and never a wrong one: the checksum covers all but
 * the magic, and the magic holds bytes that no UTF-8 text has, so no body can be mistaken for the start of a record.
 */
import { crc32 } from 'node:zlib'

const magic = Buffer.from([0xf5, 0x53, 0x50, 0xff])
/** Version of this layout. */
const form = 1
const lengthAt = 4
const sequenceAt = 8
const formAt = 14
const checksumAt = 16

/** Bytes of a record before its body. */
export const headerBytes = 20

export type Intact = {
  readonly kind: 'intact'
  readonly start: number
  /** Where the next record begins. */
  readonly end: number
  readonly sequence: number
  readonly body: Buffer
}

/** A stretch that holds no intact record: torn, flipped, zeroed. */
export type Bad = { readonly kind: 'bad'; readonly start: number; readonly end: number }

/** The bytes of one record. `sequence` is a whole number below 2^48, `body` UTF-8 text of up to 4 GiB. */
export function encodeRecord(sequence: number, body: Buffer): Buffer {
  const record = Buffer.allocUnsafe(headerBytes + body.length)
  magic.copy(record)
  record.writeUInt32LE(body.length, lengthAt)
  record.writeUIntLE(sequence, sequenceAt, 6)
  record.writeUInt16LE(form, formAt)
  body.copy(record, headerBytes)
  record.writeUInt32LE(checksumOf(record), checksumAt)
  return record
}

/**
 * All records in `bytes` in order, with the bad stretches between them; together they cover every byte once. After something
 * unreadable it goes on at the next magic. Lazy: nothing is read that is not asked for.
 */
export function* decodeRecords(bytes: Buffer): Generator<Intact | Bad, void> {
  let badFrom: number | undefined
  let at = 0
  while (at < bytes.length) {
    const record = recordAt(bytes, at)
    if (record === undefined) {
      badFrom ??= at
      const next = bytes.indexOf(magic, at + 1)
      at = next === -1 ? bytes.length : next
      continue
    }
    if (badFrom !== undefined) yield { kind: 'bad', start: badFrom, end: at }
    badFrom = undefined
    yield record
    at = record.end
  }
  if (badFrom !== undefined) yield { kind: 'bad', start: badFrom, end: bytes.length }
}

/** The sequence of the last intact record; undefined if there is none. Reads from the end. */
export function lastSequence(bytes: Buffer): number | undefined {
  let at = bytes.lastIndexOf(magic)
  while (at !== -1) {
    const record = recordAt(bytes, at)
    if (record !== undefined) return record.sequence
    at = at === 0 ? -1 : bytes.lastIndexOf(magic, at - 1)
  }
  return undefined
}

function recordAt(bytes: Buffer, start: number): Intact | undefined {
  if (start + headerBytes > bytes.length) return undefined
  if (bytes.compare(magic, 0, magic.length, start, start + magic.length) !== 0) return undefined
  const end = start + headerBytes + bytes.readUInt32LE(start + lengthAt)
  if (end > bytes.length) return undefined
  const record = bytes.subarray(start, end)
  if (record.readUInt16LE(formAt) !== form || record.readUInt32LE(checksumAt) !== checksumOf(record)) return undefined
  return {
    kind: 'intact',
    start,
    end,
    sequence: record.readUIntLE(sequenceAt, 6),
    body: record.subarray(headerBytes),
  }
}

function checksumOf(record: Buffer): number {
  return crc32(record.subarray(headerBytes), crc32(record.subarray(lengthAt, checksumAt)))
}
