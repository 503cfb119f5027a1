/**
 * Dead letters: listed, replayed, discarded. They never expire; replay and discard are the only ways out.
 */
import type { NewEvent } from '../event/event.ts'
import { normalise } from '../event/normalise.ts'
import { decode, encode } from '../event/stored.ts'
import { type Connection, runDiscard, runReplay } from './fused/commands.ts'
import { eventIdOf, type ShardKeys } from './keys.ts'

export type DeadLetter = {
  readonly jobId: string
  readonly eventId: string
  readonly name: string
  readonly lane: string
  readonly callId: string | null
  /** Epoch milliseconds. */
  readonly deadAt: number
  readonly error: string
}

/** The dead letters of one shard, newest first, from the `skip`th on, at most `limit`. */
export async function listDeadLetters(
  redis: Connection,
  keys: ShardKeys,
  skip = 0,
  limit = 100,
): Promise<DeadLetter[]> {
  const flat = await redis.zrevrange(keys.failed, skip, skip + limit - 1, 'WITHSCORES')
  const letters: DeadLetter[] = []
  for (let at = 0; at < flat.length; at += 2) {
    const jobId = flat[at] ?? ''
    const [data, error, name] = await redis.hmget(keys.job(jobId), 'data', 'failedReason', 'name')
    const stored = parse(data)
    letters.push({
      jobId,
      eventId: eventIdOf(jobId),
      name: name ?? 'Unknown',
      lane: typeof stored['lane'] === 'string' ? stored['lane'] : '',
      callId: typeof stored['callId'] === 'string' ? stored['callId'] : null,
      deadAt: Number(flat[at + 1]),
      error: error ?? '',
    })
  }
  return letters
}

export type Replayed = { readonly status: 'replayed' | 'before' | 'not-dead'; readonly jobId: string }

/**
 * Runs a dead letter again: normalised anew from its raw webhook, so that a corrected normaliser heals it; under its
 * own event id; in its own lane. Safe to repeat: the second call answers `before` with the job of the first.
 * `timeZoneOf` gives the zone of dates without one, by source.
 */
export async function replay(
  redis: Connection,
  keys: ShardKeys,
  jobId: string,
  timeZoneOf: (source: string) => string,
  now: () => number = Date.now,
): Promise<Replayed> {
  const [data] = await redis.hmget(keys.job(jobId), 'data')
  const stored = parse(data)
  const eventId = eventIdOf(jobId)
  const again = anew(stored, timeZoneOf)
  const event =
    again === undefined
      ? { name: typeof stored['name'] === 'string' ? stored['name'] : 'Unknown', rest: withoutPlace(stored) }
      : { name: again.name, rest: encode(again).slice(1) }
  const answer = await runReplay(redis, keys, jobId, eventId, { ...event, timestamp: now() })
  return answer
}

/** Gives a dead letter up for good. False if there is none of that id. */
export async function discard(redis: Connection, keys: ShardKeys, jobId: string): Promise<boolean> {
  return await runDiscard(redis, keys, jobId)
}

/** The event as today's normaliser reads it, or undefined if what is stored cannot be read: then it stays as it is. */
function anew(stored: Record<string, unknown>, timeZoneOf: (source: string) => string): NewEvent | undefined {
  try {
    const { eventId, source, receivedAt, raw, lane } = decode(stored)
    const result = normalise(raw, { eventId, source, receivedAt, timeZone: timeZoneOf(source) })
    return result.kind === 'event' ? { ...result.event, lane } : undefined
  } catch {
    return undefined
  }
}

/** The stored event without what its next place will add, and without its first brace. */
function withoutPlace({ sequence: _, replayOf: __, ...rest }: Record<string, unknown>): string {
  return JSON.stringify({ v: 0, ...rest }).slice(1)
}

function parse(data: string | null | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
