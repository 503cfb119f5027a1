/**
 * Figures: the state of the queues as the metrics tell it. Numbers only; nothing in them names an event, a call or a lane.
 */
import { readProcesses } from './heartbeat.ts'
import type { ShardKeys } from './keys.ts'
import type { Overview } from './overview.ts'
import { answersOf, type Queues } from './queues.ts'
import { memoryShareOf, readRedisHealth, risksOf } from './redis-health.ts'

export type Figures = Pick<
  Overview,
  'parked' | 'lanes' | 'blockedLanes' | 'oldestWaitingMs' | 'oldestBlockedMs' | 'dead'
> & {
  /** Heads that wait for a worker, that one has, and that wait for their next attempt. */
  readonly jobs: readonly { readonly shard: number; readonly state: string; readonly count: number }[]
  /** Workers heard of within 16 s. */
  readonly workers: number
  /** Of the fullest server, 0 to 1; 0 without a limit. */
  readonly redisMemoryShare: number
  /** Over all servers: one that drops keys, one without an append-only file, one that could not write it. */
  readonly redisRisks: number
}

/** Gives a function that reads the figures; it rejects as ioredis does if Redis cannot be asked. */
export function figuresOf(queues: Queues, overview: () => Promise<Overview>): () => Promise<Figures> {
  return async () => {
    const { parked, lanes, blockedLanes, oldestWaitingMs, oldestBlockedMs, dead } = await overview()
    const jobs = await Promise.all(queues.shards.map((keys) => jobsIn(queues, keys)))
    const processes = await readProcesses(queues)
    const servers = await readRedisHealth(queues)
    return {
      parked,
      lanes,
      blockedLanes,
      oldestWaitingMs,
      oldestBlockedMs,
      dead,
      jobs: jobs.flat(),
      workers: processes.filter(({ kind, isAlive }) => kind === 'worker' && isAlive).length,
      redisMemoryShare: Math.max(0, ...servers.map(memoryShareOf)),
      redisRisks: servers.flatMap(risksOf).length,
    }
  }
}

async function jobsIn({ redis }: Queues, keys: ShardKeys): Promise<Figures['jobs']> {
  const states = ['waiting', 'active', 'delayed'] as const
  const counts = await answersOf(redis.pipeline().llen(keys.waiting).llen(keys.active).zcard(keys.delayed))
  return states.map((state, index) => ({ shard: keys.shard, state, count: Number(counts[index] ?? 0) }))
}
