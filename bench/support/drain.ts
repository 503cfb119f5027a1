/**
 * Filling a queue, and watching a worker empty it, from outside.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
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
): Promise<FillResult> {
  const options: FillOptions = { inFlight: 64, firstCall: 0, firstTurn: 0, ...plan }
  const producer = m.node('bench/producers/fill.ts', { REDIS_URL: redis.url }, [JSON.stringify(options)])
  return (await producer.answer(1_800_000)) as unknown as FillResult
}

export type Drain = {
  readonly perSecond: number
  /** Of the worker and of Redis, an event. */
  readonly workerCpuMicroseconds: number
  readonly redisCpuMicroseconds: number
}

/** A worker that has been started, and where its completed events are counted. */
export type Emptying = { readonly redis: RedisServer; readonly worker: Started; readonly completed: string }

/** How often is looked while a worker runs: one cheap command each. */
const lookMs = 20

/**
 * The rate from the first completion to the last, both as the worker itself stamped them; CPU from the first look that finds
 * something done. `before` are those in the set that were there before.
 */
export async function watchDrain({ redis, worker, completed }: Emptying, events: number, before = 0): Promise<Drain> {
  const { client } = redis
  const used = () => [cpuSecondsOf(worker.pid), cpuSecondsOf(redis.process.pid)] as const
  const first = await until(client, completed, before + 1)
  const since = used()
  const wanted = before + events
  const end = await until(client, completed, wanted)
  const now = used()
  const firstAt = await stampOf(client, completed, before)
  const lastAt = await stampOf(client, completed, wanted - 1)
  const share = 1e6 / Math.max(1, end - first)
  return {
    perSecond: ((events - 1) * 1_000) / Math.max(1, lastAt - firstAt),
    workerCpuMicroseconds: (now[0] - since[0]) * share,
    redisCpuMicroseconds: (now[1] - since[1]) * share,
  }
}

/** Waits until the set holds so many; gives up when nothing more comes for a minute. */
async function until(client: Redis, set: string, wanted: number): Promise<number> {
  let last = -1
  let movedAt = performance.now()
  for (;;) {
    const count = await client.zcard(set)
    if (count >= wanted) return count
    const now = performance.now()
    if (count !== last) movedAt = now
    last = count
    if (now - movedAt > 60_000) throw new Error(`the worker stopped at ${count} of ${wanted}`)
    await pause(lookMs)
  }
}

async function stampOf(client: Redis, set: string, index: number): Promise<number> {
  const [, at] = await client.zrange(set, String(index), String(index), 'WITHSCORES')
  return Number(at)
}
