/**
 * Dead letters, one by one and in pages. They never expire; replay and discard are the only ways out.
 */
import type { NewEvent } from '../event/event.ts'
import { normalise } from '../event/normalise.ts'
import { decode, encode } from '../event/stored.ts'
import { type Connection, runDiscard, runReplay } from './fused/commands.ts'
import { eventIdOf, laneKeyOf, type ShardKeys } from './keys.ts'
import { pairsOf, type Queues, shardOfLane } from './queues.ts'
import { type DeadFilter, type DeadPlace, fits, knownPlaces, lanesOf, lookAtPlaces, newestFirst } from './select.ts'
import { placeIn, type StoredEvent, storedOf, textOf, writtenOf } from './stored-look.ts'

export type DeadLetter = {
  readonly jobId: string
  readonly eventId: string
  readonly name: string
  readonly lane: string
  readonly callId: string | null
  /** By the clock of Redis, in epoch milliseconds. */
  readonly deadAt: number
  /** Attempts used since it was received, or replayed. */
  readonly attempts: number
  /** Of its last attempt, masked. */
  readonly error: string
  /** The stored event, with its raw webhook; numbers are not masked. */
  readonly event: StoredEvent
}

export type DeadPage = {
  /** Newest first. */
  readonly dead: readonly DeadLetter[]
  /** To go on from; undefined at the end. A page may hold fewer than asked for, or none, and still go on. */
  readonly cursor: string | undefined
}

export type PageOptions = {
  /** Of the page before. One that cannot be read begins anew. */
  readonly cursor?: string | undefined
  /** Dead letters on a page. Default 50. */
  readonly limit?: number
  /** Dead letters that are looked at for one page. Default 1,000. */
  readonly maxLooked?: number
}

/** How many places are read at a time, over all shards, where a filter passes over most of them. */
const stretch = 250

/** A page of the dead letters that the filter means. One that dies meanwhile is on the first page only. */
export async function readDeadLetters(
  queues: Queues,
  filter: DeadFilter = {},
  { cursor, limit = 50, maxLooked = 1_000 }: PageOptions = {},
): Promise<DeadPage> {
  const lanes = lanesOf(queues, filter)
  const laneKeys = lanes === undefined ? undefined : new Set(lanes.map(laneKeyOf))
  const shards = lanes === undefined ? queues.shards : [...new Set(lanes.map((lane) => shardOfLane(queues, lane)))]
  const known = (await knownPlaces(queues, filter))?.sort(newestFirst)
  const found: DeadPlace[] = []
  const atATime = Object.keys(filter).length === 0 ? limit : stretch
  let after = placeOf(cursor)
  let looked = 0
  let isEnd = false
  while (!isEnd && found.length < limit && looked < maxLooked) {
    const next = known === undefined ? await newest(queues, shards, after, atATime) : slice(known, after)
    const jobs = await lookAtPlaces(queues, next.places, { data: false, lines: 0 })
    isEnd = next.isEnd
    for (const place of next.places) {
      if (found.length === limit) {
        isEnd = false
        break
      }
      looked += 1
      after = place
      const job = jobs.get(place.jobId)
      if (job !== undefined && fits(job, filter, laneKeys)) found.push(place)
    }
  }
  return { dead: await lettersAt(queues, found), cursor: isEnd || after === undefined ? undefined : cursorOf(after) }
}

async function lettersAt(queues: Queues, places: readonly DeadPlace[]): Promise<DeadLetter[]> {
  const jobs = await lookAtPlaces(queues, places, { data: true, lines: 0 })
  return places.flatMap(({ jobId, deadAt }) => {
    const job = jobs.get(jobId)
    if (job?.where !== 'failed') return []
    const event = storedOf(job.data)
    return [
      {
        jobId,
        eventId: eventIdOf(jobId),
        name: job.name,
        ...placeIn(event, job.laneKey),
        deadAt,
        attempts: job.attemptsMade,
        error: job.error,
        event,
      },
    ]
  })
}

type After = Pick<DeadPlace, 'jobId' | 'deadAt'>
type Places = { readonly places: readonly DeadPlace[]; readonly isEnd: boolean }

function slice(known: readonly DeadPlace[], after: After | undefined): Places {
  const left = after === undefined ? known : known.filter((place) => newestFirst(after, place) < 0)
  return { places: left.slice(0, stretch), isEnd: left.length <= stretch }
}

/** The newest behind `after`, merged from all shards. */
async function newest(
  queues: Queues,
  shards: readonly ShardKeys[],
  after: After | undefined,
  atATime: number,
): Promise<Places> {
  const limit = Math.max(20, Math.ceil(atATime / shards.length))
  const parts = await Promise.all(shards.map((keys) => newestOf(queues.redis, keys, after, limit)))
  const places = parts.flatMap((part) => part.places).sort(newestFirst)
  // Behind the last one of a shard that has more, others of that shard may come before those of the rest.
  const lasts = parts.flatMap((part) => (part.isEnd ? [] : part.places.slice(-1))).sort(newestFirst)
  const [bound] = lasts
  if (bound === undefined) return { places, isEnd: true }
  return { places: places.filter((place) => newestFirst(place, bound) <= 0), isEnd: false }
}

async function newestOf(redis: Connection, keys: ShardKeys, after: After | undefined, limit: number): Promise<Places> {
  // Several may be dead since the same millisecond: those before `after` are passed over.
  for (let offset = 0; ; offset += limit) {
    const from = after === undefined ? '+inf' : after.deadAt
    const flat = await redis.zrevrangebyscore(keys.failed, from, '-inf', 'WITHSCORES', 'LIMIT', offset, limit)
    const all = pairsOf(flat).map(([jobId, deadAt]) => ({ keys, jobId, deadAt }))
    const places = after === undefined ? all : all.filter((place) => newestFirst(after, place) < 0)
    const isEnd = all.length < limit
    if (places.length > 0 || isEnd) return { places, isEnd }
  }
}

function cursorOf({ deadAt, jobId }: After): string {
  return Buffer.from(`${deadAt} ${jobId}`).toString('base64url')
}

function placeOf(cursor: string | undefined): After | undefined {
  const [, deadAt, jobId] = /^(\d+(?:\.\d+)?) (\S+)$/.exec(Buffer.from(cursor ?? '', 'base64url').toString()) ?? []
  return deadAt === undefined || jobId === undefined ? undefined : { deadAt: Number(deadAt), jobId }
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
  const stored = writtenOf(data)
  const eventId = eventIdOf(jobId)
  const again = anew(stored, timeZoneOf)
  const event =
    again === undefined
      ? { name: textOf(stored, 'name', 'Unknown'), rest: withoutPlace(stored) }
      : { name: again.name, rest: encode(again).slice(1) }
  const answer = await runReplay(redis, keys, jobId, eventId, { ...event, timestamp: now() })
  return answer
}

/** Gives a dead letter up for good. False if there is none of that id. */
export async function discard(redis: Connection, keys: ShardKeys, jobId: string): Promise<boolean> {
  return await runDiscard(redis, keys, jobId)
}

/** The event as today's normaliser reads it, or undefined if what is stored cannot be read: then it stays as it is. */
function anew(stored: StoredEvent, timeZoneOf: (source: string) => string): NewEvent | undefined {
  try {
    const { eventId, source, receivedAt, raw, lane } = decode(stored)
    const result = normalise(raw, { eventId, source, receivedAt, timeZone: timeZoneOf(source) })
    return result.kind === 'event' ? { ...result.event, lane } : undefined
  } catch {
    return undefined
  }
}

/** The stored event without what its next place will add, and without its first brace. */
function withoutPlace({ sequence: _, replayOf: __, ...rest }: StoredEvent): string {
  return JSON.stringify({ v: 0, ...rest }).slice(1)
}
