/**
 * RawWebhook -> event. Total: never throws, whatever the bytes; what it cannot name becomes Unknown.
 */
import type { NewEvent, RawWebhook } from './event.ts'

/** What is known of a webhook besides its content. */
export type Origin = {
  readonly eventId: string
  readonly source: string
  readonly receivedAt: Date
  /** IANA zone of dates that carry none. */
  readonly timeZone: string
}

/** A dialplan component's request for an answer: not an event, to be refused. */
export type ComponentRequest = { readonly kind: 'component'; readonly appName: string; readonly callId: string | null }

export type Normalised = { readonly kind: 'event'; readonly event: NewEvent } | ComponentRequest

// Placeholder until the normaliser lands.
export function normalise(raw: RawWebhook, origin: Origin): Normalised {
  const event: NewEvent<'Unknown'> = {
    name: 'Unknown',
    eventId: origin.eventId,
    source: origin.source,
    callId: null,
    lane: `${origin.source}/event:${origin.eventId}`,
    receivedAt: origin.receivedAt,
    data: {},
    problems: [],
    raw,
  }
  return { kind: 'event', event }
}
