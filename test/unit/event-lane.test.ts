/**
 * Lanes: the call, else the entity of the catalogue, else the event alone; always readable and bounded.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventOfJson } from '../fixtures/webhook.ts'

const withoutCall: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
  [{ event_name: 'NewState', exten: '0991' }, 'exten:0991'],
  [{ event_name: 'NewState', exten: 991 }, 'exten:991'],
  [{ event_name: 'ExtenAdded', exten: '991' }, 'exten:991'],
  [{ event_name: 'ExtenRemoved', number: '991' }, 'exten:991'],
  [{ event_name: 'IncomingCall', number: '09120000101' }, 'number:09120000101'],
  [{ event_name: 'VoiceMail', id: 'a1' }, 'voicemail:a1'],
  [{ event_name: 'VoiceMailEmail', id: 'a1' }, 'voicemail:a1'],
  [{ event_name: 'IncomingFax', fax_id: 'f1' }, 'fax:f1'],
  [{ event_name: 'OutgoingFax', fax_id: 'f1' }, 'fax:f1'],
  [{ event_name: 'TrunkAdded', trunk_name: 'E1' }, 'trunk:E1'],
  [{ event_name: 'TrunkNewState', trunk_name: 'E1' }, 'trunk:E1'],
  [{ event_name: 'TrunkRemoved', trunk_name: 'E1' }, 'trunk:E1'],
  [{ event_name: 'AutoDialerReport', campaign_id: 'c1', number: '0912' }, 'campaign:c1:0912'],
  [{ event_name: 'ReservedCallInFront', queue_name: 'پشتیبانی', caller_id: '0912' }, 'queue:پشتیبانی:0912'],
  [{ event_name: 'Ping' }, 'ping'],
  [{ event_name: 'NewState' }, 'event:fixture'],
  [{ event_name: 'AutoDialerReport', campaign_id: 'c1' }, 'event:fixture'],
  [{ event_name: 'ReservedCallInFront', caller_id: '0912' }, 'event:fixture'],
  [{ event_name: 'Cdr', src: '1' }, 'event:fixture'],
  [{ event_name: 'OutgoingCall', number: '0912' }, 'event:fixture'],
  [{ event_name: 'SomethingNew', exten: '1' }, 'event:fixture'],
]

for (const [sent, lane] of withoutCall) {
  test(`lane, of ${JSON.stringify(sent)}, is ${lane}`, () =>
    assert.equal(eventOfJson(sent, { source: 'tehran' }).lane, `tehran/${lane}`))
}

test('lane, of any event that names a call, is the call’s, a voice mail’s too', () => {
  for (const event_name of ['NewState', 'VoiceMail', 'Ping', 'SomethingNew', 'TrunkAdded']) {
    assert.equal(eventOfJson({ event_name, id: 'a1', exten: '991', cuid: '1.30' }).lane, 'default/call:1.30')
  }
})

test('lane, of the same call id from two sources, differs', () => {
  const sent = { event_name: 'Cdr', cuid: '1.30' }

  assert.notEqual(eventOfJson(sent, { source: 'a' }).lane, eventOfJson(sent, { source: 'b' }).lane)
})

test('lane, of call ids too long to keep, is bounded and still tells them apart', () => {
  const [one, two] = ['a', 'b'].map((end) => eventOfJson({ event_name: 'Cdr', cuid: 'x'.repeat(10_000) + end }))

  assert.ok(one !== undefined && two !== undefined && one.lane.length < 200)
  assert.notEqual(one.lane, two.lane)
  assert.equal(one.callId?.length, 10_001)
})

test('lane, of a call id with control characters or half a surrogate, is printable', () => {
  assert.equal(eventOfJson({ event_name: 'Cdr', cuid: '1\n2\u0000\ud800' }).lane, 'default/call:1\ufffd2\ufffd\ufffd')
})
