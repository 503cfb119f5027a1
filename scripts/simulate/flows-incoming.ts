/**
 * Flows 1, 2 and 5 of call-flows.md with their variants: calls that come in. Read by flows.ts.
 */
import type { Facts } from './facts.ts'
import type { Payload, Step } from './payload.ts'

const ids = (f: Facts) => ({ unique_id: f.callId, cuid: f.callId })

const incomingCall = (f: Facts): Payload => ({
  event_name: 'IncomingCall',
  number: f.number,
  entry_point: 'E1',
  ...ids(f),
})

const busy = (f: Facts, exten: string, state: 'Ringing' | 'InUse', queue: { queue?: string } = {}): Payload => ({
  event_name: 'NewState',
  exten,
  state,
  participant: f.number,
  direction: 'in',
  ...queue,
  ...ids(f),
})

const idle = (f: Facts, exten: string): Payload => ({ event_name: 'NewState', exten, state: 'Idle', ...ids(f) })

/** Flow 1. CdrQueue before Survey before Cdr is inferred. */
export const incomingAnswered = (f: Facts): readonly Step[] => answered(f, { dst: '553' })

/** Variant of 1 seen in Mirka: the agent is known from the InUse event only. */
export const incomingByNumber = (f: Facts): readonly Step[] => answered(f, { dst: '982191000492', did: '982191000492' })

function answered(f: Facts, called: { dst: string; did?: string }): readonly Step[] {
  const queue = { queue: f.queue }
  return [
    { t: 0.2, event: incomingCall(f) },
    { t: 6.0, event: busy(f, '551', 'Ringing', queue) },
    { t: 6.0, event: busy(f, '552', 'Ringing', queue) },
    { t: 6.1, event: busy(f, '553', 'Ringing', queue) },
    { t: 11.4, event: busy(f, '553', 'InUse', queue) },
    { t: 11.5, event: idle(f, '551') },
    { t: 11.5, event: idle(f, '552') },
    { t: 48.9, event: idle(f, '553') },
    {
      t: 49.0,
      event: {
        event_name: 'CdrQueue',
        ...ids(f),
        src: f.number,
        dst: '553',
        queue: f.queue,
        billsec: '37',
        wait: '5',
        duration: '42',
        agent_wait: '5',
        disposition: 'ANSWERED',
        hangup: 'agent',
        queue_status: 'CONTINUE',
        record: f.record(f.callId),
        answeredtime: f.at(11.4),
        ringtime: f.at(6.0),
        starttime: f.at(5.93),
        endtime: f.at(48.9),
        detail: [
          { src: f.number, dst: '553', billsec: '37', wait: '5', disposition: 'ANSWERED', comment: '', tries: '1' },
        ],
      },
    },
    {
      t: 55.3,
      event: {
        event: 'Survey',
        ...ids(f),
        src: f.number,
        dst: '553',
        queue: f.queue,
        date: f.at(55.3),
        point: 5,
        label: f.survey,
      },
    },
    {
      t: 58.1,
      event: {
        event_name: 'Cdr',
        starttime: f.at(11),
        endtime: f.at(58),
        src: f.number,
        ...called,
        type: 'incoming',
        disposition: 'ANSWERED',
        duration: 58,
        billsec: 47,
        wait: 11,
        record: f.record(f.callId),
        poll_point: '5',
        poll_lable: f.survey,
        entry_point: 'E1',
        ...ids(f),
      },
    },
  ]
}

/** Flow 2. That the event says MISSED and TIMEOUT as the report API does is inferred. */
export function incomingMissed(f: Facts): readonly Step[] {
  const queue = { queue: f.queue }
  const unanswered = (exten: string) => ({
    src: f.number,
    dst: exten,
    billsec: '0',
    wait: '20',
    disposition: 'NO ANSWER',
    comment: '',
    tries: '1',
  })
  return [
    { t: 0.2, event: incomingCall(f) },
    { t: 4.0, event: busy(f, '551', 'Ringing', queue) },
    { t: 4.1, event: busy(f, '552', 'Ringing', queue) },
    { t: 24.0, event: idle(f, '551') },
    { t: 24.1, event: idle(f, '552') },
    {
      t: 24.3,
      event: {
        event_name: 'CdrQueue',
        ...ids(f),
        src: f.number,
        dst: '',
        queue: f.queue,
        billsec: '0',
        wait: '20',
        duration: '20',
        agent_wait: '20',
        disposition: 'MISSED',
        hangup: 'caller',
        queue_status: 'TIMEOUT',
        starttime: f.at(3.9),
        ringtime: f.at(4.0),
        endtime: f.at(24.2),
        detail: [unanswered('551'), unanswered('552')],
      },
    },
    {
      t: 24.9,
      event: {
        event_name: 'Cdr',
        starttime: f.at(24.2),
        endtime: f.at(24.2),
        src: f.number,
        dst: f.queue,
        type: 'incoming',
        disposition: 'NO ANSWER',
        duration: 24,
        wait: 24,
        entry_point: 'E1',
        ...ids(f),
      },
    },
  ]
}

/** Variant 2b, reported by Mirka. */
export const incomingWithoutCdr = (f: Facts): readonly Step[] => incomingMissed(f).slice(0, -1)

/** Flow 5: the second Cdr has a `unique_id` of its own; its lane is still that of the `cuid`. */
export function incomingTransferred(f: Facts): readonly Step[] {
  const cdr = (dst: string, from: number, to: number, figures: Payload, id: string): Payload => ({
    event_name: 'Cdr',
    starttime: f.at(from),
    endtime: f.at(to),
    src: f.number,
    dst,
    type: 'incoming',
    disposition: 'ANSWERED',
    ...figures,
    record: f.record(id),
    entry_point: 'E1',
    unique_id: id,
    cuid: f.callId,
  })
  return [
    { t: 0.2, event: incomingCall(f) },
    { t: 2.0, event: busy(f, '553', 'Ringing') },
    { t: 7.0, event: busy(f, '553', 'InUse') },
    {
      t: 30.0,
      event: {
        event_name: 'Transfer',
        transferer: '553',
        transferred_from: f.number,
        transferred_to: '557',
        ...ids(f),
      },
    },
    { t: 30.4, event: busy(f, '557', 'Ringing') },
    { t: 30.5, event: idle(f, '553') },
    { t: 30.9, event: cdr('553', 7, 30.4, { duration: 30, billsec: 23, wait: 7 }, f.callId) },
    { t: 36.0, event: busy(f, '557', 'InUse') },
    { t: 61.0, event: idle(f, '557') },
    { t: 61.7, event: cdr('557', 36, 61, { duration: 31, billsec: 25, wait: 6 }, f.legId) },
  ]
}
