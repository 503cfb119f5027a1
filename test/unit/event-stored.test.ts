/**
 * The stored form: what is written comes back equal; what is not of this version is refused with a sentence.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobDecodeError } from '../../src/errors.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { decode, encode, isNewer } from '../../src/event/stored.ts'
import { wholeOf } from '../../src/event/stored-whole.ts'
import { eventIn, eventOfJson } from '../fixtures/webhook.ts'

const cdr = () =>
  eventOfJson({ event_name: 'Cdr', cuid: '1700000000.30', starttime: '2023-11-14 22:13:31', billsec: 'x', extra: [1] })

const pick = ({ source, callId, lane, problems, raw }: NewEvent) => ({ source, callId, lane, problems, raw })

/** As the lane makes it: the sequence put in front of the stored text. */
const job = (text: string, sequence = 1): Record<string, unknown> =>
  JSON.parse(text.replace('{', `{"sequence":${sequence},`))

test('stored form, of an event, begins with its version and holds plain JSON with dates as text', () => {
  const text = encode(cdr())

  assert.ok(text.startsWith('{"v":2,'))
  const { receivedAt, data, sequence } = JSON.parse(text)
  assert.equal(receivedAt, '2025-01-01T00:00:00.000Z')
  assert.deepEqual(data, { startTime: '2023-11-14T22:13:31.000Z', extra: [1] })
  assert.equal(sequence, undefined)
})

test('stored form, of an event as most are, holds nothing twice', () => {
  const event = eventOfJson({ event_name: 'NewState', exten: '991', state: 'InUse', cuid: '1700000000.30' })

  assert.deepEqual(JSON.parse(encode(event)), {
    v: 2,
    name: 'NewState',
    eventId: 'fixture',
    callId: '1700000000.30',
    receivedAt: '2025-01-01T00:00:00.000Z',
    data: { exten: '991', state: 'in-use' },
    raw: { form: '{ntPc}' },
  })
})

test('stored form, of an event that is in everything unlike most, says so', () => {
  const event = eventIn(
    {
      method: 'GET',
      path: '/cdr',
      query: 'starttime=x',
      contentType: 'text/plain',
      body: '/w==',
      bodyEncoding: 'base64',
    },
    { source: 'tehran' },
  )
  const { source, callId, lane, problems, raw } = JSON.parse(encode(event))

  assert.deepEqual({ source, callId, lane, problems, raw }, { ...pick(event), callId: undefined })
  assert.deepEqual(decode(job(encode(event))), { ...event, sequence: 1 })
})

test('stored form, of a lane other than that of its call, keeps it', () => {
  const moved = { ...cdr(), lane: 'default/exten:991' }

  assert.equal(decode(job(encode(moved))).lane, 'default/exten:991')
})

test('stored form, of version 1, is read as ever', () => {
  const first = { sequence: 7, v: 1, ...JSON.parse(JSON.stringify(cdr())) }

  assert.deepEqual(decode(first), { ...cdr(), sequence: 7 })
})

test('stored form, of version 1, that leaves something out, is refused', () => {
  const { problems: _, ...first } = { sequence: 7, v: 1, ...JSON.parse(JSON.stringify(cdr())) }

  assert.throws(() => decode(first), /problems/)
})

test('stored form, made whole, is version 1; what is none stays as it is', () => {
  assert.deepEqual(wholeOf(JSON.parse(encode(cdr()))), { v: 1, ...JSON.parse(JSON.stringify(cdr())) })
  for (const other of [null, 'text', [], { v: 3, raw: {} }]) assert.equal(wholeOf(other), other)
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
  ['of a newer form', { ...job(encode(cdr())), v: 3 }, /newer version.*form 3.*reads 2/],
  ['of a body in letters not known', { ...job(encode(cdr())), raw: { form: '{?}' } }, /body.*form.*does not know/],
  ['of a body in letters that are none', { ...job(encode(cdr())), raw: { form: 1 } }, /body.*form.*does not know/],
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

test('job data, of a newer form, event or body, is newer; damaged data is not', () => {
  const stored = job(encode(cdr()))
  const newer = [
    { ...stored, v: 3 },
    { ...stored, name: 'CallParked' },
    { ...stored, raw: { form: '{?}' } },
  ]
  const damaged = [
    null,
    {},
    { ...stored, data: 1 },
    { ...stored, callId: 1, raw: { form: '{?}' } },
    { ...stored, raw: 1 },
  ]

  assert.deepEqual(newer.map(isNewer), [true, true, true])
  assert.deepEqual(
    damaged.map(isNewer),
    damaged.map(() => false),
  )
})
