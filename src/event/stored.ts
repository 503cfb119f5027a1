/**
 * The stored form of an event: plain JSON with a version, readable from any language. encode and decode are inverse.
 */

import { JobDecodeError } from '../errors.ts'
import type { Event, NewEvent } from './event.ts'

/** Version of the stored form that this code writes. */
export const storedVersion = 1

// Placeholder until the stored form lands.
/** JSON text of an object, without `sequence`: the lane puts `"sequence":n,` in front. Begins with `{"v":1,`. */
export function encode(event: NewEvent): string {
  return JSON.stringify({ v: storedVersion, ...event })
}

/**
 * The event of a job's data (the parsed JSON, `sequence` included).
 * @throws JobDecodeError if it is not a stored event that this version can read.
 */
export function decode(stored: unknown): Event {
  if (typeof stored !== 'object' || stored === null) throw new JobDecodeError('not an object')
  const { receivedAt, ...rest } = stored as Record<string, unknown>
  return { ...rest, receivedAt: new Date(String(receivedAt)) } as Event
}
