/**
 * Lanes that stand still: blocked ones, which wait for a replay or discard, and ones held by a head that is retried.
 */
import { decodeLine } from './attempt-record.ts'
import { type JobLook, lookAtJobs } from './fused/look.ts'
import { eventIdOf, type ShardKeys } from './keys.ts'
import { answersOf, pairsOf, type Queues } from './queues.ts'
import { placeIn, storedOf } from './stored-look.ts'

type Head = {
  readonly lane: string
  readonly callId: string | null
  readonly eventId: string
  readonly name: string
  /** Of its last attempt, masked. */
  readonly error: string
  /** How many events are parked behind it. */
  readonly behind: number
}

export type BlockedLane = Head & {
  /** Since when, in epoch milliseconds. */
  readonly since: number
}

export type HeldLane = Head & {
  /** The attempt that failed or was put off last, counted from 1; 0 if none is recorded. */
  readonly attempt: number
  /** What it ended in: retry, later, or vanished. */
  readonly outcome: string
  /** When the head runs again, in epoch milliseconds. */
  readonly nextTryAt: number
  /** When the head was received, or replayed, in epoch milliseconds. */
  readonly headSince: number
}

/** Blocked lanes of one shard that are read at most, to find the longest blocked ones among them. */
const maxRead = 5_000

/** The lanes that have been blocked longest, at most `limit`, longest first. How many there are: the overview. */
export async function listBlocked({ redis, shards }: Queues, limit = 200): Promise<BlockedLane[]> {
  const all: { readonly keys: ShardKeys; readonly laneKey: string; readonly since: number }[] = []
  for (const keys of shards) {
    let cursor = '0'
    let read = 0
    do {
      const [next, flat] = await redis.hscan(keys.blocked, cursor, 'COUNT', 1_000)
      for (const [laneKey, since] of pairsOf(flat)) all.push({ keys, laneKey, since })
      read += flat.length / 2
      cursor = next
    } while (cursor !== '0' && read < maxRead)
  }
  const oldest = all.sort((a, b) => a.since - b.since).slice(0, limit)
  const blocked: BlockedLane[] = []
  for (const keys of shards) {
    const here = oldest.filter((lane) => lane.keys === keys)
    if (here.length === 0) continue
    const heads = await redis.hmget(keys.heads, ...here.map(({ laneKey }) => laneKey))
    const jobs = await lookAtJobs(
      redis,
      keys,
      heads.filter((jobId) => jobId !== null),
      { lines: 0 },
    )
    const behind = await lengths(redis, keys, jobs)
    const since = new Map(here.map((lane) => [lane.laneKey, lane.since]))
    for (const [index, job] of jobs.entries())
      blocked.push({ ...headOf(job, behind[index]), since: since.get(job.laneKey) ?? 0 })
  }
  return blocked.sort((a, b) => a.since - b.since)
}

/**
 * Lanes whose head waits for its next attempt, at most `limit`: those that wait longest for it, which with a growing
 * backoff are those that failed most often; among these first where most events wait behind.
 */
export async function listHeld({ redis, shards }: Queues, limit = 100): Promise<HeldLane[]> {
  const held: HeldLane[] = []
  for (const keys of shards) {
    const jobIds = await redis.zrevrange(keys.delayed, 0, limit - 1)
    const looked = await lookAtJobs(redis, keys, jobIds, { lines: 1 })
    // One that went on meanwhile holds nothing.
    const jobs = looked.filter(({ where }) => where === 'delayed')
    const behind = await lengths(redis, keys, jobs)
    for (const [index, job] of jobs.entries()) {
      const last = decodeLine(job.lines[0] ?? '')
      held.push({
        ...headOf(job, behind[index]),
        error: last?.error ?? job.error,
        attempt: last?.attempt ?? 0,
        outcome: last?.outcome ?? 'later',
        nextTryAt: job.at,
        headSince: job.timestamp,
      })
    }
  }
  const longest = held.sort((a, b) => b.nextTryAt - a.nextTryAt).slice(0, limit)
  return longest.sort((a, b) => b.behind - a.behind || b.nextTryAt - a.nextTryAt)
}

function headOf(job: JobLook, behind = 0): Head {
  return {
    ...placeIn(storedOf(job.data), job.laneKey),
    eventId: eventIdOf(job.jobId),
    name: job.name,
    error: job.error,
    behind,
  }
}

/** How many are parked behind each of these heads. */
async function lengths(redis: Queues['redis'], keys: ShardKeys, jobs: readonly JobLook[]): Promise<number[]> {
  if (jobs.length === 0) return []
  const asked = redis.pipeline()
  for (const { laneKey } of jobs) asked.llen(keys.lane(laneKey))
  return (await answersOf(asked)).map(Number)
}
