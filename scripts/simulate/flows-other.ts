/**
 * Flows 7 and 8 of call-flows.md, voicemail and what happens outside calls, and one of our own: calls of exactly so many
 * events, for load. Read by flows.ts and plan.ts.
 */
import type { Facts } from './facts.ts'
import type { Payload, Step } from './payload.ts'

const ids = (f: Facts) => ({ unique_id: f.callId, cuid: f.callId })

/** Flow 7: two lanes, the call and the voicemail, whose events carry no call id in the documented samples. */
export function voicemail(f: Facts): readonly Step[] {
  const id = f.entityId(41, '1b05af9835bb0001')
  return [
    { t: 0.2, event: { event_name: 'IncomingCall', number: f.number, entry_point: 'E1', ...ids(f) } },
    {
      t: 41.0,
      event: {
        event_name: 'VoiceMail',
        id,
        number: '5555',
        state: 'SUCCESS',
        date: f.at(41),
        filename: `5555_${f.epoch + 29}-vm-record-file-8766.wav`,
        duration: '12',
        caller: f.number,
      },
    },
    {
      t: 41.6,
      event: {
        event_name: 'Cdr',
        starttime: f.at(1),
        endtime: f.at(41.2),
        src: f.number,
        dst: '5555',
        type: 'incoming',
        disposition: 'ANSWERED',
        duration: 41,
        billsec: 40,
        wait: 1,
        entry_point: 'E1',
        ...ids(f),
      },
    },
    {
      t: 47.5,
      event: {
        event_name: 'VoiceMailEmail',
        id,
        number: '5555',
        state: 'SUCCESS',
        date: f.at(47.5),
        receiver: 'sample@gmail.com',
        active: 'True',
        attached_file: 'False',
      },
    },
  ]
}

/** Variant 7b: both events within two milliseconds, as in the documented samples. */
export function hungUpVoicemail(f: Facts): readonly Step[] {
  const id = f.entityId(0, '1b05af9835bb0002')
  return [
    {
      t: 0.0,
      event: {
        event_name: 'VoiceMail',
        id,
        number: '5555',
        state: 'FAILED',
        date: f.at(0.41721),
        message: 'Hangup call',
        caller: f.number,
      },
    },
    {
      t: 0.002,
      event: {
        event_name: 'VoiceMailEmail',
        id,
        number: '5555',
        state: 'FAILED',
        date: f.at(0.418832),
        message: 'Hangup call',
        receiver: 'sample@gmail.com',
        active: 'true',
        attached_file: 'False',
      },
    },
  ]
}

/** Flow 8: six lanes. A trunk that flaps must not end up Ok when its last event was Unavailable. */
export function outsideCalls(f: Facts): readonly Step[] {
  const trunk = (name: string, state: string, lastTime: number, date: number): Payload => ({
    event_name: name,
    state,
    last_time: f.epochAt(lastTime),
    trunk_name: f.trunk,
    trunk_type: 'SIP',
    last_time_sec: 0,
    date: f.epochAt(date),
  })
  return [
    { t: 0.0, event: trunk('TrunkAdded', 'Unavailable', 0.9277713, 0.9284356) },
    { t: 5.0, event: trunk('TrunkNewState', 'Ok', 5.9228208, 5.9241338) },
    { t: 6.0, event: trunk('TrunkNewState', 'Unavailable', 6.9228208, 6.9241338) },
    { t: 7.0, event: { event_name: 'ExtenAdded', exten: f.newExten, state: 'Unavailable' } },
    { t: 8.0, event: { event_name: 'NewState', exten: f.newExten, state: 'Idle' } },
    { t: 9.0, event: { event_name: 'NewState', exten: f.pausedExten, state: 'Pause' } },
    {
      t: 31.0,
      event: {
        fax_id: f.entityId(31, '8a315630478f6d28'),
        entry_point: 'mikrotik',
        unique_id: f.callId,
        date: f.at(31.92),
        description: {
          REMOTESTATIONID: 'unknown',
          FAXRESOLUTION: '8031x3850',
          FAXBITRATE: '14400',
          FAXERROR: 'None',
          FAXSTATUS: 'SUCCESS',
          FAXPAGES: '1',
          FAXSTATUSSTRING: 'OK',
        },
        event_name: 'IncomingFax',
        src: '02191000504',
        state: 'SUCCESS',
        dst: '2191000504',
      },
    },
    {
      t: 40.0,
      event: {
        event_name: 'AutoDialerReport',
        start: f.at(20.2),
        end: f.atSecond(39),
        campaign_id: f.entityId(-3600, 'a6c708b761215200'),
        campaign: f.campaign,
        interface_context: '1111',
        interface_text: '2222',
        number: f.number,
        disposition: 'ANSWERED',
        try: 1,
        repeat: 1,
        billsec: 5,
        wait: 2,
        tries: [
          {
            cdr_id: f.entityId(29, '08a4ed9966fdb000'),
            cause: '16',
            'cause-txt': 'Normal Clearing',
            starttime: f.atSecond(20),
            disposition: 'ANSWERED',
            wait: 2,
          },
        ],
      },
    },
    {
      t: 45.0,
      event: {
        event_name: 'ReservedCallInFront',
        event: 'ReservedCallInFront',
        queue_name: '1010',
        caller_id: f.otherNumber,
        date: f.at(45.71),
      },
    },
    { t: 50.0, event: { event_name: 'ExtenRemoved', exten: f.newExten, state: 'Unavailable' } },
    { t: 55.0, event: { event_name: 'TrunkRemoved', trunk_name: f.trunk, date: f.epochAt(55.0859237) } },
  ]
}

/** Ours, for load: one call of exactly `events` events in one lane, an IncomingCall first (from two on), a Cdr last, a second apart. */
export function exactly(f: Facts, events: number): readonly Step[] {
  return Array.from({ length: events }, (_, index) => ({ t: index, event: nth(f, index, events) }))
}

function nth(f: Facts, index: number, events: number): Payload {
  if (index === events - 1) {
    return {
      event_name: 'Cdr',
      starttime: f.at(0),
      endtime: f.at(index),
      src: f.number,
      dst: '551',
      type: 'incoming',
      disposition: 'ANSWERED',
      duration: index,
      billsec: index,
      wait: 0,
      entry_point: 'E1',
      ...ids(f),
    }
  }
  if (index === 0) return { event_name: 'IncomingCall', number: f.number, entry_point: 'E1', ...ids(f) }
  const exten = String(551 + (Math.floor((index - 1) / 3) % 10))
  const state = ['Ringing', 'InUse', 'Idle'][(index - 1) % 3] ?? 'Idle'
  if (state === 'Idle') return { event_name: 'NewState', exten, state, ...ids(f) }
  return { event_name: 'NewState', exten, state, participant: f.number, direction: 'in', queue: f.queue, ...ids(f) }
}
