/**
 * Flows 3, 4 and 6 of call-flows.md with their variants: calls that go out, stay inside, or are begun through the API.
 * Read by flows.ts.
 */
import type { Facts } from './facts.ts'
import type { Payload, Step } from './payload.ts'

const ids = (f: Facts) => ({ unique_id: f.callId, cuid: f.callId })

/** Flow 3. No event tells when the far side answers (inferred). */
export const outgoing = (f: Facts): readonly Step[] =>
  through(f, {
    starttime: f.at(9),
    endtime: f.at(42),
    src: '991',
    dst: f.number,
    type: 'outgoing',
    disposition: 'ANSWERED',
    duration: 42,
    billsec: 33,
    wait: 9,
    record: f.record(f.callId),
  })

/** Variants of 3: neither billsec nor record; a FAILED call has `dst` = `failed`. Times of the Cdr are inferred. */
export const outgoingUnanswered = (f: Facts, disposition: 'NO ANSWER' | 'BUSY' | 'FAILED'): readonly Step[] =>
  through(f, {
    starttime: f.at(0),
    endtime: f.at(42),
    src: '991',
    dst: disposition === 'FAILED' ? 'failed' : f.number,
    type: 'outgoing',
    disposition,
    duration: 42,
    wait: 42,
  })

const through = (f: Facts, cdr: Payload): readonly Step[] => [
  {
    t: 0.0,
    event: {
      event_name: 'NewState',
      exten: '991',
      state: 'InUse',
      participant: f.number,
      direction: 'out',
      ...ids(f),
      dialer: 'yes',
    },
  },
  { t: 0.6, event: { event_name: 'OutgoingCall', number: f.number, outgoing_point: 'to_simo_51_20', ...ids(f) } },
  { t: 42.0, event: { event_name: 'NewState', exten: '991', state: 'Idle', ...ids(f) } },
  { t: 42.8, event: { event_name: 'Cdr', ...cdr, outgoing_point: 'to_simo_51_20', ...ids(f) } },
]

/** Flow 4, with the single `unique_id` of the documented samples; `starttime` equals `endtime` there too. */
export function internal(f: Facts): readonly Step[] {
  const id = { unique_id: f.callId }
  const state = (exten: string, value: string, participant: string, direction: string): Payload => ({
    event_name: 'NewState',
    exten,
    state: value,
    participant,
    direction,
    ...id,
  })
  return [
    { t: 0.0, event: { ...state('991', 'InUse', '993', 'out'), dialer: 'yes' } },
    { t: 0.4, event: state('993', 'Ringing', '991', 'in') },
    { t: 11.0, event: state('993', 'InUse', '991', 'in') },
    { t: 19.5, event: { event_name: 'NewState', exten: '991', state: 'Idle', ...id } },
    { t: 19.6, event: { event_name: 'NewState', exten: '993', state: 'Idle', ...id } },
    {
      t: 20.2,
      event: {
        event_name: 'Cdr',
        starttime: f.at(19.471398),
        endtime: f.at(19.471398),
        src: '991',
        dst: '993',
        type: 'local',
        disposition: 'ANSWERED',
        billsec: 9,
        wait: 11,
        record: f.record(f.callId),
        ...id,
      },
    },
  ]
}

const firstParty = (f: Facts, state: 'Ringing' | 'InUse'): Payload => ({
  event_name: 'NewState',
  exten: '101',
  state,
  participant: f.number,
  direction: 'out',
  ...ids(f),
})

const firstPartyIdle = (f: Facts): Payload => ({ event_name: 'NewState', exten: '101', state: 'Idle', ...ids(f) })

/** Flow 6. `originated_call_id` is no lane. */
export const twoWay = (f: Facts): readonly Step[] => [
  { t: 0.0, event: firstParty(f, 'Ringing') },
  { t: 3.0, event: firstParty(f, 'InUse') },
  {
    t: 3.5,
    event: {
      event_name: 'OutgoingCall',
      number: f.number,
      outgoing_point: 'moshaver',
      originated_call_id: f.originatedCallId,
      ...ids(f),
    },
  },
  { t: 40.0, event: firstPartyIdle(f) },
  {
    t: 40.9,
    event: {
      event_name: 'Cdr',
      starttime: f.at(12),
      endtime: f.at(40),
      src: '101',
      dst: f.number,
      type: 'outgoing',
      disposition: 'ANSWERED',
      duration: 40,
      billsec: 28,
      wait: 12,
      record: f.record(f.callId),
      outgoing_point: 'moshaver',
      originated_call_id: f.originatedCallId,
      ...ids(f),
    },
  },
]

/** Variant 6b, shape seen in hsyir/simotel-middle-app. */
export const twoWayFailed = (f: Facts): readonly Step[] => [
  { t: 0.0, event: firstParty(f, 'Ringing') },
  { t: 1.0, event: firstParty(f, 'InUse') },
  {
    t: 2.1,
    event: {
      event_name: 'Cdr',
      starttime: f.at(1.343172),
      endtime: f.at(2.343172),
      src: '101',
      dst: 'failed',
      type: 'outgoing',
      disposition: 'NO ANSWER',
      duration: 1,
      wait: 1,
      ...ids(f),
      outgoing_point: 'moshaver',
      originated_call_id: f.originatedCallId,
    },
  },
]

/** Variant 6c: no Cdr at all (documented). */
export const twoWayUnanswered = (f: Facts): readonly Step[] => [
  { t: 0.0, event: firstParty(f, 'Ringing') },
  { t: 30.0, event: firstPartyIdle(f) },
]
