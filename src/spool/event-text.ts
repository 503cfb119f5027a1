/**
 * An event as the text in a record: the stored form, as it will stand in Redis but for the sequence, which only a lane gives.
 */
import type { NewEvent } from '../event/event.ts'
import { decode, encode } from '../event/stored.ts'

export const textOf: (event: NewEvent) => string = encode

/**
 * The event of a record's text.
 * @throws JobDecodeError if this version cannot read it (a newer one wrote it).
 */
export function eventOf(text: string): NewEvent {
  const { sequence: _none, ...event } = decode(JSON.parse(`{"sequence":0,${text.slice(1)}`))
  // Without its sequence an event is a new one again.
  return event as NewEvent
}
