/**
 * Overview: how many events are where, and how long the oldest waits. Cheap enough to be asked every second: what Redis
 * counts is read each time; what takes a walk over the lanes is kept the longer the more lanes there are, and told once more while
 * the next walk is under way.
 */

import { serverNow } from './clock.ts'
import { walkLanes } from './fused/look.ts'
import type { ShardKeys } from './keys.ts'
import { answersOf, pairsOf, type Queues } from './queues.ts'

/** How many heads wait, run and are delayed, how many events are parked and dead, how many lanes there are. */
export type Overview = {
  /** Heads that wait for a worker. */
  readonly waiting: number
  /** Heads that a worker has. */
  readonly active: number
  /** Heads that wait for their next attempt. */
  readonly delayed: number
  readonly parked: number
  readonly dead: number
  /** Completed and skipped events that are still kept. */
  readonly completed: number
  readonly lanes: number
  readonly blockedLanes: number
  /**
   * Age of the longest waiting event that nobody works on, in milliseconds since it was received; 0 if none waits. Parked
   * ones count, also behind a head that is retried; the delayed head itself, and a lane that is blocked, do not.
   */
  readonly oldestWaitingMs: number
  /** How long the longest blocked lane has been so, in milliseconds; 0 if none is. */
  readonly oldestBlockedMs: number
  /** Finished in the last full minute. */
  readonly completedLastMinute: number
  /** Dead letters of the last full minute that are still there. */
  readonly deadLastMinute: number
  /** When this was read, by the clock of Redis, in epoch milliseconds. */
  readonly at: number
  /** Age of `parked` and the two ages' search, in milliseconds. */
  readonly walkedMsAgo: number
}

export type OverviewOptions = {
  /** Shortest time between two walks, in milliseconds. Default 1,000; 0 = walk each time. */
  readonly everyMs?: number
}

/**
 * How long a walk's result is kept for each lane there is, in milliseconds: a lane costs Redis about 8 us, and the walks may take half
 * a hundredth of its time. By lanes and not by the clock, which a Redis that hung would stretch.
 */
const keptMsPerLane = 2

/** The longest that a walk's result is kept, in milliseconds. */
const maxKeptMs = 60_000

const lanesPerStretch = 200
const blockedPerStretch = 1_000

type Walk = { readonly parked: number; readonly oldestAt: number; readonly blockedAt: number }

const nothing: Walk = { parked: 0, oldestAt: 0, blockedAt: 0 }

/** Gives a function that reads the overview; it rejects as ioredis does if Redis cannot be asked. */
export function overviewOf(queues: Queues, { everyMs = 1_000 }: OverviewOptions = {}): () => Promise<Overview> {
  const { redis, shards } = queues
  let last: { readonly walk: Walk; readonly at: number } | undefined
  let walking: Promise<Walk> | undefined

  const walkAnew = async () => {
    const walks = await Promise.all(shards.map((keys) => walk(queues, keys)))
    const total: Walk = {
      parked: walks.reduce((sum, { parked }) => sum + parked, 0),
      oldestAt: oldest(walks.map(({ oldestAt }) => oldestAt)),
      blockedAt: oldest(walks.map(({ blockedAt }) => blockedAt)),
    }
    last = { walk: total, at: performance.now() }
    return total
  }

  /** `lanes`: how many there are now, which is what a walk would cost now. */
  const walked = async (lanes: number): Promise<Walk> => {
    if (lanes === 0) return nothing
    const keptMs = everyMs === 0 ? 0 : Math.min(maxKeptMs, Math.max(everyMs, lanes * keptMsPerLane))
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : performance.now() - last.at
    if (last !== undefined && ageMs < keptMs) return last.walk
    walking ??= walkAnew().finally(() => {
      walking = undefined
    })
    // A long walk is not waited for by those who have a figure that was good a moment ago.
    if (last === undefined || keptMs <= everyMs || ageMs > 2 * keptMs) return await walking
    walking.catch(() => {
      // Redis is away: whoever asks says so by what is read each time.
    })
    return last.walk
  }

  return async () => {
    const now = await serverNow(redis)
    const counts = await Promise.all(shards.map((keys) => count(queues, keys, now)))
    const sum = (name: keyof Counts) => counts.reduce((total, one) => total + one[name], 0)
    const { parked, oldestAt, blockedAt } = await walked(sum('lanes'))
    return {
      waiting: sum('waiting'),
      active: sum('active'),
      delayed: sum('delayed'),
      parked,
      dead: sum('dead'),
      completed: sum('completed'),
      lanes: sum('lanes'),
      blockedLanes: sum('blockedLanes'),
      oldestWaitingMs: oldestAt === 0 ? 0 : Math.max(0, now - oldestAt),
      oldestBlockedMs: blockedAt === 0 ? 0 : Math.max(0, now - blockedAt),
      completedLastMinute: sum('completedLastMinute'),
      deadLastMinute: sum('deadLastMinute'),
      at: now,
      walkedMsAgo: last === undefined ? 0 : Math.round(performance.now() - last.at),
    }
  }
}

type Counts = Record<
  | 'waiting'
  | 'active'
  | 'delayed'
  | 'dead'
  | 'completed'
  | 'lanes'
  | 'blockedLanes'
  | 'completedLastMinute'
  | 'deadLastMinute',
  number
>

async function count({ redis }: Queues, keys: ShardKeys, now: number): Promise<Counts> {
  const [waiting, active, delayed, dead, completed, lanes, blockedLanes, completedLastMinute, deadLastMinute] =
    await numbers(
      redis
        .pipeline()
        .llen(keys.waiting)
        .llen(keys.active)
        .zcard(keys.delayed)
        .zcard(keys.failed)
        .zcard(keys.completed)
        .hlen(keys.heads)
        .hlen(keys.blocked)
        .zcount(keys.completed, now - 60_000, now)
        .zcount(keys.failed, now - 60_000, now),
    )
  return {
    waiting: waiting ?? 0,
    active: active ?? 0,
    delayed: delayed ?? 0,
    dead: dead ?? 0,
    completed: completed ?? 0,
    lanes: lanes ?? 0,
    blockedLanes: blockedLanes ?? 0,
    completedLastMinute: completedLastMinute ?? 0,
    deadLastMinute: deadLastMinute ?? 0,
  }
}

/** A lane that comes or goes during the walk may be missed or counted; the next walk puts it right. */
async function walk({ redis }: Queues, keys: ShardKeys): Promise<Walk> {
  let parked = 0
  let oldestAt = 0
  let cursor = '0'
  do {
    const stretch = await walkLanes(redis, keys, { cursor, count: lanesPerStretch, oldestAt })
    parked += stretch.parked
    oldestAt = stretch.oldestAt
    cursor = stretch.cursor
  } while (cursor !== '0')

  const since: number[] = []
  do {
    const [next, flat] = await redis.hscan(keys.blocked, cursor, 'COUNT', blockedPerStretch)
    since.push(oldest(pairsOf(flat).map(([, at]) => at)))
    cursor = next
  } while (cursor !== '0')
  return { parked, oldestAt, blockedAt: oldest(since) }
}

/** The smallest of those that are not 0; 0 without any. */
function oldest(times: readonly number[]): number {
  return times.reduce((least, time) => (time > 0 && (least === 0 || time < least) ? time : least), 0)
}

/** How many events were completed, and how many became dead letters that are still there: a replayed one is not. */
export type Activity = {
  /** Oldest minute first; the last one has just ended. */
  readonly minutes: readonly { readonly at: number; readonly completed: number; readonly dead: number }[]
}

/** The last `minutes` full minutes, default an hour; as far back as the retention reaches. */
export async function readActivity({ redis, shards }: Queues, minutes = 60): Promise<Activity> {
  const end = Math.floor((await serverNow(redis)) / 60_000) * 60_000
  const starts = Array.from({ length: minutes }, (_, index) => end - (minutes - index) * 60_000)
  const perShard = await Promise.all(
    shards.map((keys) => {
      const asked = redis.pipeline()
      for (const start of starts) {
        asked.zcount(keys.completed, start, `(${start + 60_000}`).zcount(keys.failed, start, `(${start + 60_000}`)
      }
      return numbers(asked)
    }),
  )
  const sum = (index: number) => perShard.reduce((total, counts) => total + (counts[index] ?? 0), 0)
  return {
    minutes: starts.map((at, index) => ({ at, completed: sum(2 * index), dead: sum(2 * index + 1) })),
  }
}

const numbers = async (pipeline: Parameters<typeof answersOf>[0]) => (await answersOf(pipeline)).map(Number)
