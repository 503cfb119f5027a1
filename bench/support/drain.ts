/**
 * Filling a queue, and watching a worker empty it, from outside.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { FillOptions, FillResult } from '../producers/fill.ts'
import type { Measurement } from './measurement.ts'
import type { RedisServer } from './redis.ts'
import type { Started } from './scope.ts'
import { cpuSecondsOf } from './system.ts'

/** BullMQ's sorted sets of what is done, by when; the bridge's is one too. */
export const completedSets = {
  bridge: '{simotel:0}:events:completed',
  bullmq: 'bull:webhooks:completed',
} as const

/** Fills from a process of its own, 64 at a time unless `plan` says otherwise. */
export async function fill(
  m: Measurement,
  redis: RedisServer,
  plan: Pick<FillOptions, 'side' | 'lanes' | 'perLane'> & Partial<FillOptions>,
  env: Readonly<Record<string, string>> = {},
): Promise<FillResult> {
  const options: FillOptions = { inFlight: 64, firstCall: 0, firstTurn: 0, ...plan }
  const producer = m.node('bench/producers/fill.ts', { REDIS_URL: redis.url, ...env }, [JSON.stringify(options)])
  return (await producer.answer(1_800_000)) as unknown as FillResult
}

export type Drain = {
  readonly perSecond: number
  /** Of the worker and of Redis, an event; of several servers the busiest. */
  readonly workerCpuMicroseconds: number
  readonly redisCpuMicroseconds: number
}

/** Where completed events are counted: one of BullMQ's sets, on its server. */
export type Place = { readonly redis: RedisServer; readonly completed: string }

/** How often is looked while a worker runs: a cheap command for each place. */
const lookMs = 20

/** The drain of one queue by a worker that has been started; see `watchDrains`. */
export function watchDrain(worker: Started, place: Place, events: number, before = 0): Promise<Drain> {
  return watchDrains(worker, [place], events, before)
}

/**
 * The rate from the first completion to the last, as the worker itself stamped them; CPU from the first look that finds something
 * done. `before` are those in the sets that were there before, with stamps below all others.
 */
export async function watchDrains(
  worker: Started,
  places: readonly Place[],
  events: number,
  before = 0,
): Promise<Drain> {
  const servers = [...new Set(places.map(({ redis }) => redis.process))]
  const used = () => ({
    worker: cpuSecondsOf(worker.pid),
    redis: servers.map(({ pid }) => cpuSecondsOf(pid)),
  })
  const first = await until(places, before + 1)
  const since = used()
  const end = await until(places, before + events)
  const now = used()
  const stamps = (await Promise.all(places.map(stampsOf))).flat().sort((one, other) => one - other)
  const lastMs = (stamps[before + events - 1] ?? Number.NaN) - (stamps[before] ?? Number.NaN)
  const share = 1e6 / Math.max(1, end - first)
  return {
    perSecond: ((events - 1) * 1_000) / Math.max(1, lastMs),
    workerCpuMicroseconds: (now.worker - since.worker) * share,
    redisCpuMicroseconds: Math.max(...now.redis.map((seconds, index) => seconds - (since.redis[index] ?? 0))) * share,
  }
}

/** Waits until the sets hold so many; gives up when nothing more comes for a minute. */
async function until(places: readonly Place[], wanted: number): Promise<number> {
  let last = -1
  let movedAt = performance.now()
  for (;;) {
    const counts = await Promise.all(places.map(({ redis, completed }) => redis.client.zcard(completed)))
    const count = counts.reduce((sum, one) => sum + one, 0)
    if (count >= wanted) return count
    const now = performance.now()
    if (count !== last) movedAt = now
    last = count
    if (now - movedAt > 60_000) throw new Error(`the worker stopped at ${count} of ${wanted}`)
    await pause(lookMs)
  }
}

async function stampsOf({ redis, completed }: Place): Promise<number[]> {
  const flat = await redis.client.zrange(completed, '0', '-1', 'WITHSCORES')
  return flat.filter((_, index) => index % 2 === 1).map(Number)
}
