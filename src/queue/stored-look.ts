/**
 * The stored event as those see it who only look: read without a check, since what cannot be decoded must be shown, too.
 */
import { wholeOf } from '../event/stored-whole.ts'

/** A stored event as plain JSON with nothing left out (src/event/stored-whole.ts), or what there is of it. */
export type StoredEvent = Readonly<Record<string, unknown>>

/** The object in a job's data with nothing left out; an empty one if it is none. */
export function storedOf(data: string | null | undefined): StoredEvent {
  return wholeOf(writtenOf(data))
}

/** The object in a job's data as it is written there; an empty one if it is none. */
export function writtenOf(data: string | null | undefined): StoredEvent {
  try {
    const value: unknown = JSON.parse(data ?? '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as StoredEvent) : {}
  } catch {
    return {}
  }
}

/** A field's text; `otherwise` if it is missing or no text. */
export function textOf<T extends string | null>(stored: StoredEvent, field: string, otherwise: T): string | T {
  const value = stored[field]
  return typeof value === 'string' ? value : otherwise
}

/** Where a stored event belongs: its lane as it is shown, `laneKey` if it does not say, and its call, null without one. */
export function placeIn(
  stored: StoredEvent,
  laneKey: string,
): { readonly lane: string; readonly callId: string | null } {
  return { lane: textOf(stored, 'lane', laneKey), callId: textOf(stored, 'callId', null) }
}
