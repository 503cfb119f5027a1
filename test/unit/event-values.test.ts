/**
 * Values: what the catalogue warns of (section 2, "Traps in values" and "Dates").
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataOf, eventIn, eventOfJson } from '../fixtures/webhook.ts'

test('ids, unquoted in JSON, keep every digit', () => {
  const event = eventIn({
    body: '{"event_name":"Transfer","unique_id":1613906376.30,"transferer":991,"cuid":1613906376.30}',
  })

  assert.equal(event.callId, '1613906376.30')
  assert.equal(event.lane, 'default/call:1613906376.30')
  assert.deepEqual(event.data, { uniqueId: '1613906376.30', transferer: '991' })
})

test('ids, unquoted in an event nobody knows, stay text there too', () => {
  const event = eventIn({
    body: '{"event_name":"New","unique_id":1613906376.31,"amount":1.50,"big":12345678901234567890,"n":5}',
  })

  assert.equal(event.callId, '1613906376.31')
  assert.deepEqual(event.data, {
    event_name: 'New',
    unique_id: '1613906376.31',
    amount: '1.50',
    big: '12345678901234567890',
    n: 5,
  })
})

test('numbers nobody knows, that a double would change, stay text', () => {
  assert.deepEqual(dataOf(eventIn({ body: '{"event_name":"Cdr","big":12345678901234567890}' })), {
    big: '12345678901234567890',
  })
  assert.deepEqual(dataOf(eventIn({ body: '{"event_name":"Cdr","a":{"b":[1.50,1.5]}}' })), { a: { b: ['1.50', 1.5] } })
  assert.ok(Object.is(dataOf(eventIn({ body: '{"event_name":"Cdr","zero":-0}' }))['zero'], 0))
})

test('ids, of an event nobody knows, are in its data too', () => {
  assert.deepEqual(dataOf(eventIn({ body: '{"event_name":"New","cuid":1.30,"unique_id":"2.40"}' })), {
    event_name: 'New',
    cuid: '1.30',
    unique_id: '2.40',
  })
})

test('numbers that are dialled, unquoted with a leading zero, are text with it', () => {
  assert.deepEqual(dataOf(eventIn({ body: '{"event_name":"IncomingCall","number":09331112233}' })), {
    number: '09331112233',
  })
  assert.deepEqual(dataOf(eventIn({ body: "{'event_name': 'IncomingCall', 'number': 0021}" })), { number: '0021' })
})

test('ids of nested groups, unquoted, keep every digit', () => {
  const event = eventIn({ body: '{"event_name":"CdrQueue","detail":[{"src":9120000101,"tries":2}],"cuid":"1.2"}' })

  assert.deepEqual(event.data, { detail: [{ src: '9120000101', tries: 2 }] })
})

test('call id, with cuid and unique_id that differ, is cuid; the leg stays in the data', () => {
  const event = eventOfJson({ event_name: 'Cdr', unique_id: '1700004000.31', cuid: '1700004000.30' })

  assert.equal(event.callId, '1700004000.30')
  assert.deepEqual(event.data, { uniqueId: '1700004000.31' })
})

test('call id, with an empty, None or null cuid, is unique_id', () => {
  for (const cuid of ['', '  ', 'None', null]) {
    assert.equal(eventOfJson({ event_name: 'Cdr', cuid, unique_id: '1.20' }).callId, '1.20')
  }
})

test('call id, with nothing in both, is null and never an empty text', () => {
  assert.equal(eventIn({ query: 'event_name=Cdr&cuid=None&unique_id=' }).callId, null)
})

test('call id that is no text, is passed over and listed', () => {
  const event = eventOfJson({ event_name: 'Cdr', cuid: { a: 1 }, unique_id: '1.2' })

  assert.equal(event.callId, '1.2')
  assert.deepEqual(event.problems, [{ field: 'cuid', value: 'fields: a', reason: 'not text' }])
})

const dispositions: readonly (readonly [string, unknown, string])[] = [
  ['Cdr', 'ANSWERED', 'answered'],
  ['Cdr', 'Answered', 'answered'],
  ['Cdr', 'NO ANSWER', 'no-answer'],
  ['Cdr', 'No Answer', 'no-answer'],
  ['Cdr', 'noanswer', 'no-answer'],
  ['Cdr', 'No Answered', 'no-answer'],
  ['Cdr', 'NO_ANSWER', 'no-answer'],
  ['Cdr', 'BUSY', 'busy'],
  ['Cdr', 'Busy', 'busy'],
  ['Cdr', 'FAILED', 'failed'],
  ['Cdr', 'CONGESTION', 'congestion'],
  ['Cdr', 'LOST', 'other'],
  ['Cdr', 'پاسخ', 'other'],
  ['Cdr', 'other', 'other'],
  ['Cdr', 7, 'other'],
  ['CdrQueue', 'MISSED', 'missed'],
  ['CdrQueue', 'ABANDON', 'abandon'],
  ['AutoDialerReport', 'LOST', 'lost'],
]

for (const [event_name, disposition, value] of dispositions) {
  test(`disposition ${disposition} of ${event_name}, however spelt, is ${value} and no problem`, () => {
    const event = eventOfJson({ event_name, disposition })

    assert.equal(dataOf(event)['disposition'], value)
    assert.deepEqual(event.problems, [])
  })
}

const closedSets: readonly (readonly [string, string, unknown, string, string])[] = [
  ['NewState', 'state', 'InUse', 'state', 'in-use'],
  ['NewState', 'state', 'ringing', 'state', 'ringing'],
  ['NewState', 'state', 'OnHold', 'state', 'other'],
  ['NewState', 'direction', 'in', 'direction', 'in'],
  ['IncomingFax', 'state', 'SUCCESS', 'state', 'success'],
  ['OutgoingFax', 'state', 'SENDING', 'state', 'sending'],
  ['TrunkNewState', 'state', 'Ok', 'state', 'ok'],
  ['TrunkNewState', 'state', 'Deactivate', 'state', 'deactivate'],
  ['Cdr', 'type', 'no defined', 'type', 'no-defined'],
  ['Cdr', 'type', 'feature', 'type', 'feature'],
  ['CdrQueue', 'hangup', 'callee', 'hangup', 'callee'],
  ['CdrQueue', 'queue_status', 'TIMEOUT', 'queueStatus', 'timeout'],
]

for (const [event_name, field, sent, name, value] of closedSets) {
  test(`${field} ${sent} of ${event_name}, a closed set, is ${value}`, () => {
    assert.equal(dataOf(eventOfJson({ event_name, [field]: sent }))[name], value)
  })
}

test('booleans, as words in any case, are booleans; anything else is a problem', () => {
  const sent = { event_name: 'VoiceMailEmail', active: 'True', attached_file: 'maybe' }
  const event = eventOfJson(sent)

  assert.deepEqual(event.data, { active: true })
  assert.deepEqual(event.problems, [{ field: 'attachedFile', value: 'maybe', reason: 'not a yes or no' }])
  for (const [word, value] of [
    ['yes', true],
    ['no', false],
    ['FALSE', false],
    ['1', true],
    [0, false],
    [true, true],
  ] as const) {
    assert.deepEqual(dataOf(eventOfJson({ event_name: 'NewState', dialer: word })), { dialer: value })
  }
})

test('dialing, as one integration reads it, is dialer', () => {
  assert.deepEqual(dataOf(eventOfJson({ event_name: 'NewState', dialing: 'yes' })), { dialer: true })
})

test('figures, as text, are numbers; what is no figure is a problem and the event keeps its name', () => {
  const event = eventOfJson({ event_name: 'Cdr', billsec: '47', wait: 'soon', duration: '1e999', src: { a: 1 } })

  assert.equal(event.name, 'Cdr')
  assert.deepEqual(event.data, { billedSeconds: 47 })
  assert.deepEqual(event.problems, [
    { field: 'waitSeconds', value: 'soon', reason: 'not a number' },
    { field: 'durationSeconds', value: '1e999', reason: 'not a number' },
    { field: 'src', value: 'fields: a', reason: 'not text' },
  ])
})

test('figures beyond a double, unquoted, are a problem and not Infinity', () => {
  const event = eventIn({ body: '{"event_name":"Cdr","billsec":1e999}' })

  assert.deepEqual(event.data, {})
  assert.equal(event.problems.length, 1)
})

test('zero, as number or text, is zero and not absent', () => {
  assert.deepEqual(dataOf(eventOfJson({ event_name: 'CdrQueue', billsec: '0', wait: 0 })), {
    billedSeconds: 0,
    waitSeconds: 0,
  })
})

test('empty, None and null values, are absent at every depth', () => {
  const event = eventOfJson({
    event_name: 'OutgoingFax',
    fax_id: '',
    state: 'None',
    date: null,
    info: { FAXERROR: 'None', FAXPAGES: null, REASON: '', FAXSTATUS: 'FAILED' },
  })

  assert.deepEqual(event.data, { info: { status: 'failed' } })
  assert.deepEqual(event.problems, [])
})

test('fields nobody knows, stay under their own names and as they came', () => {
  const sent = { event_name: 'Cdr', src: '1', new_field: '', nested: { A: [1, null, { b: 'None' }] }, flag: false }

  assert.deepEqual(dataOf(eventOfJson(sent)), {
    src: '1',
    new_field: '',
    nested: { A: [1, null, { b: 'None' }] },
    flag: false,
  })
})

test('fields spelt like the names of the data, are those fields and read as such', () => {
  const event = eventOfJson({ event_name: 'Cdr', billedSeconds: 'x', StartTime: '2021-01-16 07:17:00' })

  assert.deepEqual(event.data, { startTime: new Date('2021-01-16T07:17:00Z') })
  assert.equal(event.problems[0]?.field, 'billedSeconds')
})

test('two spellings of one field that differ, take the more trusted and list the other, in any order', () => {
  for (const sent of [
    { event_name: 'OutgoingCall', entry_point: 'B', outgoing_point: 'A' },
    { event_name: 'OutgoingCall', outgoing_point: 'A', entry_point: 'B' },
  ]) {
    const event = eventOfJson(sent)

    assert.deepEqual(event.data, { outgoingPoint: 'A' })
    assert.deepEqual(
      event.problems.map(({ field, value }) => [field, value]),
      [['outgoingPoint', 'B']],
    )
  }
})

test('names every object has of its own, in any depth, are left out and listed, and pollute nothing', () => {
  const body =
    '{"event_name":"Cdr","__proto__":{"polluted":1},"constructor":"x","toString":"x","n":{"__proto__":{"polluted":1},"a":1},"src":"5"}'
  const event = eventIn({ body })

  assert.equal(event.name, 'Cdr')
  assert.deepEqual(event.data, { src: '5', n: { a: 1 } })
  assert.equal(Object.getPrototypeOf(event.data), Object.prototype)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.deepEqual(
    event.problems.map(({ field }) => field),
    ['__proto__', 'constructor', 'toString', '__proto__'],
  )
  assert.deepEqual(dataOf(eventIn({ query: 'event_name=Cdr&__proto__[polluted]=1&src=5' })), { src: '5' })
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('nested fields over a query whose values the sender lost, are undefined and listed', () => {
  const event = eventIn({ method: 'GET', query: 'event_name=CdrQueue&cuid=1.2&detail=src&detail=dst&src=992' })

  assert.deepEqual(event.data, { src: '992' })
  assert.deepEqual(
    event.problems.map(({ field }) => field),
    ['detail[0]', 'detail[1]'],
  )
})

test('a single value that comes twice, is the first, and listed if they differ', () => {
  const event = eventIn({ method: 'GET', query: 'event_name=Cdr&src=1&src=2&dst=3&dst=3&cuid=4.50&cuid=4.50' })

  assert.equal(event.callId, '4.50')
  assert.deepEqual(event.data, { src: '1', dst: '3' })
  assert.deepEqual(
    event.problems.map(({ field }) => field),
    ['src'],
  )
})

test('problems, of a list with thousands of bad entries, are bounded in number and length', () => {
  const detail = Array.from({ length: 5_000 }, () => ({ billsec: 'x'.repeat(500) }))
  const { problems } = eventOfJson({ event_name: 'CdrQueue', detail })

  assert.equal(problems.length, 32)
  assert.ok(problems.every(({ value }) => value.length <= 120))
})
