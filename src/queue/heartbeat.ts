/**
 * Heartbeats: every process tells every five seconds that it lives, what it is and how it does. Kept for ten minutes, so that
 * one that vanished is still seen.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { type Log, limitedLog } from '../log.ts'
import { serverNow } from './clock.ts'
import { connectProducer, disconnect } from './connection.ts'
import type { Connection } from './fused/commands.ts'
import { tellAlive } from './fused/look.ts'
import { type ShardKeys, shardKeys } from './keys.ts'
import { firstShard, pairsOf, type Queues } from './queues.ts'

/** How often a process tells, in milliseconds. */
export const heartbeatMs = 5_000

/** Not heard for this long, a process counts as gone, in milliseconds: it has missed three times. */
export const silentMs = 16_000

/** How long one that is gone is remembered, in milliseconds. */
const keptMs = 600_000

/** How long a process that stops waits for Redis to forget it, in milliseconds. */
const forgetLimitMs = 500

const shape = z.object({
  /** What process it is. */
  kind: z.enum(['ingress', 'worker', 'admin']),
  /** Its own, new with each start. */
  id: z.string(),
  version: z.string(),
  host: z.string().optional(),
  pid: z.number().optional(),
  /** By its own clock, in epoch milliseconds. */
  startedAt: z.number(),
  /** Whether it can do its work now, as its `/readyz` says. */
  isReady: z.boolean().optional(),
  /** What it says of its connection to Redis. */
  redis: z.string().optional(),
  /** Of an ingress: 99 of 100 acks of the last minute came within this, in milliseconds. */
  ackP99Ms: z.number().optional(),
  /** Of an ingress: webhooks taken since its start. */
  received: z.number().optional(),
  /** Of an ingress: what is on its disk. */
  spool: z
    .object({
      events: z.number(),
      bytes: z.number(),
      maxBytes: z.number(),
      /** When its oldest event was received, in epoch milliseconds. */
      oldestAt: z.number().optional(),
      quarantined: z.number().optional(),
    })
    .partial()
    .optional(),
  /** Of a worker: attempts under way, and how many may be. */
  active: z.number().optional(),
  concurrency: z.number().optional(),
})

/** What a process says of itself. Nothing secret, no number, no call id. */
export type Heartbeat = z.infer<typeof shape>

export type Process = Heartbeat & {
  /** When it was last heard, in epoch milliseconds by the clock of Redis. */
  readonly lastAt: number
  readonly silentMs: number
  /** Heard within 16 s. */
  readonly isAlive: boolean
}

/** Of so many heartbeats of a process, one also forgets those that are long gone, and keeps the keys from expiring. */
const beatsPerForgetting = 12

/** Tells once; `forgets` (default true) what is too old, too. Rejects as ioredis does if Redis does not take it. */
export async function tellHeartbeat(
  redis: Connection,
  first: ShardKeys,
  heartbeat: Heartbeat,
  forgets = true,
): Promise<void> {
  await tellAlive(redis, first, { id: heartbeat.id, text: JSON.stringify(heartbeat), keptMs, forgets })
}

/** Forgets a process that stopped on purpose. */
export async function forgetHeartbeat(redis: Connection, first: ShardKeys, id: string): Promise<void> {
  await redis.pipeline().zrem(first.alive, id).hdel(first.heartbeats, id).exec()
}

/** All processes heard of within ten minutes: by kind, those longest alive first. */
export async function readProcesses(queues: Queues): Promise<readonly Process[]> {
  const { redis } = queues
  const first = firstShard(queues)
  const now = await serverNow(redis)
  const heard = pairsOf(await redis.zrangebyscore(first.alive, now - keptMs, '+inf', 'WITHSCORES'))
  if (heard.length === 0) return []
  const texts = await redis.hmget(first.heartbeats, ...heard.map(([id]) => id))
  const processes = heard.flatMap(([, lastAt], index) => {
    const heartbeat = heartbeatOf(texts[index] ?? null)
    if (heartbeat === undefined) return []
    const silent = Math.max(0, now - lastAt)
    return [{ ...heartbeat, lastAt, silentMs: silent, isAlive: silent <= silentMs }]
  })
  return processes.sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.startedAt - b.startedAt))
}

/** Undefined for what another version wrote in another form. */
function heartbeatOf(text: string | null): Heartbeat | undefined {
  try {
    return shape.safeParse(JSON.parse(text ?? '')).data
  } catch {
    return undefined
  }
}

export type HeartbeatOptions = {
  readonly redis: Config['redis']
  readonly keys: Config['keys']
  readonly log: Log
  /** Asked each time. Must not throw. */
  readonly describe: () => Heartbeat
  /** Default 5,000 ms. */
  readonly everyMs?: number
}

/**
 * Tells now and every five seconds, on a connection of its own, until it is stopped; while Redis is away, nothing. Never
 * throws: a heartbeat must not trouble its process.
 */
export function startHeartbeat(options: HeartbeatOptions): { stop(): Promise<void> } {
  const { keys, log, describe, everyMs = heartbeatMs } = options
  // What it would say of Redis, the process says anyway.
  const redis = connectProducer(
    { ...options.redis, enqueueTimeoutMs: 2_000 },
    log.child({}, { level: 'silent' }),
    'bridge-heartbeat',
  )
  const first = shardKeys(keys.prefix, 0)
  const refused = limitedLog(log, { everyMs: 60_000, byError: true })
  let telling: Promise<void> = Promise.resolve()
  let told = 0
  const tell = async () => {
    if (redis.status !== 'ready') return
    try {
      await tellHeartbeat(redis, first, describe(), told % beatsPerForgetting === 0)
      told += 1
    } catch (error) {
      refused.warn({ error: String(error) }, 'redis did not take the heartbeat')
    }
  }
  const next = () => {
    telling = tell()
  }
  redis.on('ready', next)
  const timer = setInterval(next, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      redis.off('ready', next)
      const forgotten = telling
        .then(() => forgetHeartbeat(redis, first, describe().id))
        .catch(() => {
          // Redis is away: it will be forgotten by its age.
        })
      // A process that ends must not wait for a Redis that hangs.
      await Promise.race([forgotten, pause(forgetLimitMs, undefined, { ref: false })])
      await disconnect(redis, forgetLimitMs)
    },
  }
}
