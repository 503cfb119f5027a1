/**
 * Lanes: events of one lane are processed one at a time, in the order in which Redis took them, whatever fails.
 */
import type { NewEvent } from '../event/event.ts'

/** What the ingress is told once an event is durable. */
export type Enqueued = {
  readonly eventId: string
  /** The place in its lane; undefined when the event was there already. */
  readonly sequence: number | undefined
}

/**
 * Makes an event durable and gives it its place. Safe to repeat: the same event id is taken once.
 * @throws RedisUnavailableError if Redis cannot take anything now; EventRefusedError if it cannot take this event.
 */
export type Enqueue = (event: NewEvent) => Promise<Enqueued>
