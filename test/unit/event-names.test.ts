/**
 * Which event a webhook is: names in body, query and path, the shape, and requests that are no events.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalName, catalogue, eventNames } from '../../src/event/catalogue.ts'
import { normalise } from '../../src/event/normalise.ts'
import { schemas } from '../../src/event/schemas.ts'
import { fixtureOrigin } from '../fixtures/payloads.ts'
import { dataOf, eventIn, eventOfJson, webhook } from '../fixtures/webhook.ts'

const spellings: readonly (readonly [string, string | undefined])[] = [
  ['New State', 'NewState'],
  ['newstate', 'NewState'],
  ['new_state', 'NewState'],
  ['NEW-STATE', 'NewState'],
  ['OutGoingCall', 'OutgoingCall'],
  ['Incoming Call', 'IncomingCall'],
  ['CDRQueue', 'CdrQueue'],
  ['CDR Queue', 'CdrQueue'],
  ['CDR', 'Cdr'],
  ['exten_remove', 'ExtenRemoved'],
  ['Exten Removed', 'ExtenRemoved'],
  ['VoiceMail Email', 'VoiceMailEmail'],
  ['AutoDialer', 'AutoDialerReport'],
  ['incomingfax', 'IncomingFax'],
  ['ping', 'Ping'],
  ['Unknown', undefined],
  ['SomethingNew', undefined],
  ['', undefined],
  ['constructor', undefined],
  ['Cdr'.padEnd(10_000, ' '), undefined],
]

for (const [spelling, name] of spellings) {
  test(`canonical name, of ${JSON.stringify(spelling.slice(0, 20))}, is ${name}`, () =>
    assert.equal(canonicalName(spelling), name))
}

test('catalogue, of every spelling it lists, finds the event', () => {
  for (const name of eventNames) {
    for (const spelling of catalogue[name].spellings) assert.equal(canonicalName(spelling), name)
  }
})

test('catalogue, of every lane without a call id, names fields that the schema has', () => {
  for (const name of eventNames) {
    if (name === 'Unknown') continue
    const fields = Object.keys(schemas[name].shape)
    for (const field of catalogue[name].lane?.fields ?? []) assert.ok(fields.includes(field), `${name}: ${field}`)
  }
})

const paths: readonly (readonly [string, string])[] = [
  ['/NewState', 'NewState'],
  ['//NewState', 'NewState'],
  ['/newstate/', 'NewState'],
  ['/New%20State', 'NewState'],
  ['/new_state', 'NewState'],
  ['/%4EewState', 'NewState'],
  ['/some/thing/Cdr', 'Cdr'],
  ['/CDRQueue', 'CdrQueue'],
  ['/Exten%20Added', 'ExtenAdded'],
  ['/exten_remove', 'ExtenRemoved'],
  ['/AutoDialer', 'AutoDialerReport'],
  ['/%E0%A4%A', 'Unknown'],
  ['/%ff%zz', 'Unknown'],
  ['/Unknown', 'Unknown'],
  ['/', 'Unknown'],
  ['//', 'Unknown'],
  ['', 'Unknown'],
]

for (const [path, name] of paths) {
  test(`name, of the path ${path || '(none)'} alone, is ${name}`, () => assert.equal(eventIn({ path }).name, name))
}

test('name, where body and path disagree, is the body’s', () => {
  assert.equal(eventIn({ path: '/Cdr', body: '{"event_name":"Survey"}' }).name, 'Survey')
  assert.equal(eventIn({ path: '/Cdr', body: '{"event_name":"SomethingNew"}' }).name, 'Unknown')
  assert.equal(eventIn({ path: '/Cdr', query: 'event_name=Survey' }).name, 'Survey')
})

test('name, empty in the body, is the path’s', () => {
  for (const event_name of ['', 'None', null]) {
    assert.equal(eventIn({ path: '/Cdr', body: JSON.stringify({ event_name, src: '1' }) }).name, 'Cdr')
  }
})

test('name, under a loosely spelt key, is found and is no data', () => {
  for (const key of ['event_name', 'eventName', 'EventName', 'EVENT NAME', 'event-name', 'event', 'Event', 'EVENT']) {
    const event = eventOfJson({ [key]: 'survey', point: 3 })
    assert.deepEqual([event.name, event.data], ['Survey', { point: 3 }], key)
  }
})

test('name, unknown in event_name and known in event, is the known one', () => {
  const event = eventOfJson({ event_name: 'Poll', event: 'Survey' })

  assert.equal(event.name, 'Survey')
  assert.deepEqual(event.data, { event_name: 'Poll' })
})

test('name, in a query beside the body of the rest, joins both and the body wins', () => {
  const event = eventIn({ query: 'event_name=Cdr&src=1&dst=2', body: '{"src":"9"}' })

  assert.equal(event.name, 'Cdr')
  assert.deepEqual(event.data, { src: '9', dst: '2' })
})

test('query, that belongs to the address, is no data beside a body', () => {
  const event = eventIn({ query: 'm=simotel&server_profile=1&event=1', body: '{"event_name":"Cdr","src":"9"}' })

  assert.deepEqual(event.data, { src: '9' })
})

test('query, beside an empty JSON object, carries the event', () => {
  assert.deepEqual(dataOf(eventIn({ path: '/Cdr', query: 'src=9', body: '{}' })), { src: '9' })
})

test('query, joined by a second question mark to one of the address, is read', () => {
  const event = eventIn({ method: 'GET', query: 'm=simotel?event_name=Cdr&src=9' })

  assert.equal(event.name, 'Cdr')
  assert.deepEqual(event.data, { m: 'simotel', src: '9' })
})

test('name, appended in Rest to an address that has a query, is read', () => {
  assert.equal(eventIn({ query: 'm=simotel/NewState', body: '{"exten":"991"}' }).name, 'NewState')
  assert.equal(eventIn({ method: 'GET', query: 'm=simotel/NewState?exten=991' }).name, 'NewState')
})

test('shape, of campaign_id with tries or try and no name, is AutoDialerReport', () => {
  assert.equal(eventOfJson({ campaign_id: '1', tries: [] }).name, 'AutoDialerReport')
  assert.equal(eventOfJson({ campaign_id: '1', try: 1 }).name, 'AutoDialerReport')
  assert.equal(eventOfJson({ campaign_id: '1' }).name, 'Unknown')
  assert.equal(eventOfJson({ campaign_id: '', try: 1 }).name, 'Unknown')
})

const componentFields = { src: '0915', dst: '789', data: '', unique_id: '1610778618.378', app_name: 's1' }

test('component request, over every transport, is told from an event', () => {
  const parameters = new URLSearchParams(componentFields).toString()
  const expected = { kind: 'component', appName: 's1', callId: '1610778618.378' }
  for (const raw of [
    webhook({ body: JSON.stringify(componentFields) }),
    webhook({ body: parameters }),
    webhook({ method: 'GET', query: parameters }),
    webhook({ query: parameters }),
    webhook({ path: '/Cdr', body: JSON.stringify(componentFields) }),
    webhook({ body: JSON.stringify({ ...componentFields, event_name: '' }) }),
  ]) {
    assert.deepEqual(normalise(raw, fixtureOrigin), expected)
  }
})

test('component request, with an empty app_name, is still one', () => {
  assert.equal(normalise(webhook({ body: '{"app_name":"","src":"1"}' }), fixtureOrigin).kind, 'component')
})

test('event, with an app_name beside its name, is an event', () => {
  const event = eventOfJson({ ...componentFields, event_name: 'Cdr' })

  assert.equal(event.name, 'Cdr')
  assert.equal(dataOf(event)['app_name'], 's1')
})

test('body, not UTF-8, is Unknown with a problem, unless the address names it', () => {
  const bytes = { body: Buffer.from([0x7b, 0xff, 0xfe]).toString('base64'), bodyEncoding: 'base64' } as const

  assert.deepEqual([eventIn(bytes).name, eventIn(bytes).problems[0]?.reason], ['Unknown', 'not UTF-8 text'])
  assert.equal(eventIn({ ...bytes, path: '/Cdr' }).name, 'Cdr')
  assert.equal(eventIn({ ...bytes, query: 'event_name=Survey' }).name, 'Survey')
})

test('body, of no form that can be read, is Unknown with everything in raw', () => {
  for (const body of [
    'hello',
    '<xml a="b"/>',
    '{',
    '[1,',
    'null',
    '"text"',
    '{"a":1}x',
    '12',
    '[{"event_name":"Cdr"}]',
  ]) {
    const event = eventIn({ body })

    assert.equal(event.name, 'Unknown', body)
    assert.equal(event.raw.body, body)
    assert.equal(event.problems[0]?.field, 'body', body)
  }
})
