/**
 * What an extension does, told by NewState events that may come in any order. The events of one call come in order, but
 * those of one extension travel in the lanes of several calls, and lanes do not wait for each other. Pure.
 */
import type { Event } from '#bridge'

type State = NonNullable<Event<'NewState'>['data']['state']>

/** A state and when it was so: comparable by `place` within a lane, by `at` between lanes. */
export type Known = { readonly state: State; readonly lane: string; readonly place: number; readonly at: string }

export type Extension = {
  /** What to show: of its calls the busiest, else what was said of the extension itself. */
  readonly state: State
  /** Last word on each recent call, the ended ones too: so a late event does not bring a call back. */
  readonly calls: Readonly<Record<string, Known>>
  /** Last word on the extension itself: idle, pause, unavailable. */
  readonly own: Known | null
  /** When it last said idle or unavailable without naming a call: no call that was silent since then goes on. */
  readonly quietSince: string
}

const nothing: Extension = { state: 'idle', calls: {}, own: null, quietSince: '' }
const busy: readonly State[] = ['in-use', 'ringing']
/** A call that has been silent for so long is forgotten: its last event must have been lost. */
const forgetAfterMs = 6 * 3_600_000
const maxCalls = 20

/**
 * The extension after an event; the same object if the event is older than what is known. An idle with a call id ends that call
 * and no other, so the late idle of an old call does not hide a new one.
 */
export function after(before: Extension | null, event: Event<'NewState'>): Extension {
  const old = before ?? nothing
  const known: Known = {
    state: event.data.state ?? 'other',
    lane: event.lane,
    // A replayed event has a new sequence; what counts is the place it came from.
    place: event.replayOf ?? event.sequence,
    at: event.receivedAt.toISOString(),
  }
  const ofCall = event.callId === null ? undefined : old.calls[event.callId]
  const calls = { ...old.calls }
  if (event.callId !== null && isNewer(known, ofCall)) calls[event.callId] = known
  const isOwn = event.callId === null || !busy.includes(known.state)
  const own = isOwn && isNewer(known, old.own) ? known : old.own
  const isQuiet = event.callId === null && ['idle', 'unavailable'].includes(known.state)
  const quietSince = isQuiet && known.at > old.quietSince ? known.at : old.quietSince
  if (own === old.own && quietSince === old.quietSince && same(calls, old.calls)) return old
  const kept = recent(calls, known.at)
  const states = Object.values(kept)
    .filter(({ at }) => at > quietSince)
    .map(({ state }) => state)
  const state = busy.find((one) => states.includes(one)) ?? own?.state ?? 'idle'
  return { state, calls: kept, own, quietSince }
}

function isNewer(one: Known, other: Known | null | undefined): boolean {
  if (other === null || other === undefined) return true
  return one.lane === other.lane ? one.place > other.place : one.at > other.at
}

const same = (one: Extension['calls'], other: Extension['calls']): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([id, call]) => other[id] === call)

function recent(calls: Extension['calls'], now: string): Extension['calls'] {
  return Object.fromEntries(
    Object.entries(calls)
      .filter(([, call]) => Date.parse(now) - Date.parse(call.at) < forgetAfterMs)
      .sort(([, one], [, other]) => (one.at < other.at ? 1 : -1))
      .slice(0, maxCalls),
  )
}
