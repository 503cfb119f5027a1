/**
 * Every flow of call-flows.md as data: what Simotel sends, in which order, when. Given the documented facts a flow gives the
 * documented payloads (a test compares them). Single payloads are documented; their order within a flow is inferred, but for:
 * Ringing before InUse, Cdr after the end, no Cdr where the first party of a two-way call does not answer.
 */
import type { Facts } from './facts.ts'
import {
  incomingAnswered,
  incomingByNumber,
  incomingMissed,
  incomingTransferred,
  incomingWithoutCdr,
} from './flows-incoming.ts'
import { hungUpVoicemail, outsideCalls, voicemail } from './flows-other.ts'
import { internal, outgoing, outgoingUnanswered, twoWay, twoWayFailed, twoWayUnanswered } from './flows-outgoing.ts'
import type { Step } from './payload.ts'

export type Flow = {
  /** As call-flows.md numbers it. */
  readonly id: string
  readonly title: string
  readonly steps: (facts: Facts) => readonly Step[]
}

/** All flows, in the order in which calls take them in turn: the eight first, then their variants. */
export const flows: readonly Flow[] = [
  { id: '1', title: 'incoming, queue rings all, answered, survey', steps: incomingAnswered },
  { id: '2', title: 'incoming, nobody in the queue answers', steps: incomingMissed },
  { id: '3', title: 'outgoing through a trunk', steps: outgoing },
  { id: '4', title: 'internal', steps: internal },
  { id: '5', title: 'incoming, transferred, two Cdr', steps: incomingTransferred },
  { id: '6', title: 'two-way call through the API', steps: twoWay },
  { id: '7', title: 'voicemail and its mail', steps: voicemail },
  { id: '8', title: 'trunk, extension, fax, campaign, reservation: outside calls', steps: outsideCalls },
  { id: '1-did', title: 'as 1, Cdr names the dialled number instead of the agent', steps: incomingByNumber },
  { id: '2b', title: 'as 2, the Cdr never comes', steps: incomingWithoutCdr },
  { id: '3-no-answer', title: 'as 3, no answer', steps: (f) => outgoingUnanswered(f, 'NO ANSWER') },
  { id: '3-busy', title: 'as 3, busy', steps: (f) => outgoingUnanswered(f, 'BUSY') },
  { id: '3-failed', title: 'as 3, failed', steps: (f) => outgoingUnanswered(f, 'FAILED') },
  { id: '6b', title: 'as 6, second party cannot be reached', steps: twoWayFailed },
  { id: '6c', title: 'as 6, first party does not answer, no Cdr', steps: twoWayUnanswered },
  { id: '7b', title: 'caller hangs up while recording, both events at once', steps: hungUpVoicemail },
]

/** The flow of that id. @throws RangeError that lists the ids there are. */
export function flowOf(id: string): Flow {
  const flow = flows.find((candidate) => candidate.id === id)
  if (flow === undefined) {
    throw new RangeError(`There is no flow ${id}: take one of ${flows.map((known) => known.id).join(', ')}.`)
  }
  return flow
}
