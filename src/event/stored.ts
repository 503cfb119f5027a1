/**
 * The stored form of an event: plain JSON with a version, readable from any language; what a job's data and a spool record
 * hold. Dates are ISO text. `decode` is the inverse of `encode` once the lane has put the sequence in.
 */
import type { Event, NewEvent } from './event.ts'
import { readQuickly } from './stored-check.ts'
import { readBySchemas, storedVersion, unknownName, versionOf } from './stored-schema.ts'

/** JSON text of an object, without `sequence`: the lane puts `"sequence":n,` in front. Begins with `{"v":1,`. */
export function encode(event: NewEvent): string {
  const { name, eventId, source, callId, lane, receivedAt, data, problems, raw, replayOf } = event
  // An undefined replayOf is left out by JSON.
  return JSON.stringify({
    v: storedVersion,
    name,
    eventId,
    source,
    callId,
    lane,
    receivedAt,
    data,
    problems,
    raw,
    replayOf,
  })
}

/**
 * The event of a job's data (the parsed JSON, `sequence` included). Fields of the envelope that this version does not know
 * are ignored. The object handed in may be used up.
 * @throws JobDecodeError if it is not a stored event that this version can read.
 */
export function decode(stored: unknown): Event {
  return readQuickly(stored) ?? readBySchemas(stored)
}

/** Whether a newer version of the bridge stored this: in a form, or under an event's name, that this one does not know. */
export function isNewer(stored: unknown): boolean {
  return versionOf(stored) > storedVersion || unknownName(stored) !== undefined
}
