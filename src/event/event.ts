/**
 * The shapes of the straight line: a raw webhook comes in, an event goes on. Types only.
 */
import type { EventName } from './catalogue.ts'
import type { EventData } from './schemas.ts'

/** A webhook's content as plain data, without credentials. What a replay normalises anew. */
export type RawWebhook = {
  readonly method: string
  /** Path below WEBHOOK_PATH and the source, still percent-encoded, with a leading slash: `/`, `/NewState`. */
  readonly path: string
  /** Query string without the question mark, still encoded; empty if none. */
  readonly query: string
  /** The Content-Type header as it came; empty if none. */
  readonly contentType: string
  readonly body: string
  /** `base64` when the bytes are not UTF-8. */
  readonly bodyEncoding: 'utf8' | 'base64'
}

/** A value that was there and could not be read as what the catalogue says; it stays readable in `raw`. */
export type Problem = { readonly field: string; readonly value: string; readonly reason: string }

type EventOf<N extends EventName> = {
  /** Canonical name; what Simotel called it is in `raw`. */
  readonly name: N
  /** Ours; never changes, not by a replay either. Receivers upsert on it. */
  readonly eventId: string
  /** Which PBX sent it: a name of SOURCES, else `default`. */
  readonly source: string
  /** `cuid`, else `unique_id`, always as text; null if the event names no call. */
  readonly callId: string | null
  /** What this event keeps order with, readable: `default/call:1700000000.101`. */
  readonly lane: string
  /** Grows within the lane, with gaps. Reject a write whose (sequence, ctx.run) is older than the one you have. */
  readonly sequence: number
  /** When the ingress had received it. */
  readonly receivedAt: Date
  readonly data: EventData<N>
  readonly problems: readonly Problem[]
  readonly raw: RawWebhook
  /** The sequence this event had before it was replayed through the tail of its lane. */
  readonly replayOf?: number
}

/** An event, as a processor sees it; a union over the names, so `event.name` narrows `event.data`. */
export type Event<N extends EventName = EventName> = N extends EventName ? EventOf<N> : never

/** An event that has not taken its place in a lane yet. */
export type NewEvent<N extends EventName = EventName> = N extends EventName ? Omit<EventOf<N>, 'sequence'> : never
