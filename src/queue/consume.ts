/**
 * Consume: hands each head to `run`, one attempt at a time, and turns its Outcome into what BullMQ does with the job.
 * Owns the BullMQ workers (one a shard), their locks, the guard, and the drain. Knows no processor.
 */
import type { Config } from '../config.ts'
import { connectWorker, disconnect } from './connection.ts'
import { checkedScripts } from './fused/bullmq-scripts.ts'
import { defineScripts } from './fused/commands.ts'
import { shardsOf } from './keys.ts'
import { warnAboutServer } from './server-check.ts'
import { type Run, type ShardWorker, startShardWorker, type WorkOptions } from './shard-worker.ts'
import { awaitShards } from './shards.ts'

export type ConsumeOptions = WorkOptions & { readonly redis: Config['redis'] }

export type Consumer = {
  /** Resolves when events are being taken; rejects with a BridgeError if this process never may (BRIDGE_SHARDS). */
  readonly started: Promise<void>
  state(): { readonly redis: string; readonly active: number; readonly ready: boolean }
  /**
   * Takes nothing new and waits up to `limitMs` for what is active; then aborts it and puts it back.
   * `clean` if everything had finished by itself. Never rejects; a second call joins the first.
   */
  drain(limitMs: number): Promise<{ readonly clean: boolean }>
}

/** How long attempts that a drain aborted have to come back before the process leaves them to another worker. */
const abortGraceMs = 2_000

/**
 * Starts taking events. Returns at once; waits for Redis as long as it takes.
 * @throws BridgeError BRIDGE_BULLMQ_VERSION if the installed BullMQ is not the known one.
 */
export function consume(options: ConsumeOptions, run: Run): Consumer {
  const { keys, log } = options
  const redis = connectWorker(options.redis, log)
  defineScripts(redis, checkedScripts())
  warnAboutServer(redis, log)
  const shards: ShardWorker[] = []
  let problem: string | undefined
  let isDraining = false
  let drained: Promise<{ clean: boolean }> | undefined

  const start = async () => {
    await awaitShards(redis, keys.prefix, keys.shards, () => isDraining)
    if (isDraining) return
    for (const shard of shardsOf(keys)) shards.push(startShardWorker({ ...options, connection: redis, shard }, run))
  }
  const started = start()
  started.catch((error: unknown) => {
    problem = error instanceof Error ? error.message : String(error)
    if (!isDraining) log.fatal({ error: problem }, 'this worker takes no events')
  })

  const drain = async (limitMs: number) => {
    isDraining = true
    const closed = Promise.all(shards.map((shard) => shard.close()))
    const clean = await within(closed, limitMs)
    if (!clean) {
      for (const shard of shards) shard.abort(new Error('the drain limit has passed'))
      await within(closed, abortGraceMs)
    }
    await disconnect(redis)
    return { clean }
  }

  return {
    started,
    state: () => ({
      redis: problem ?? redis.status,
      active: shards.reduce((sum, shard) => sum + shard.active(), 0),
      ready: problem === undefined && redis.status === 'ready',
    }),

    drain(limitMs) {
      drained ??= drain(limitMs)
      return drained
    },
  }
}

/** True if `work` resolved within `limitMs`. */
async function within(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs)
  })
  const inTime = work.then(
    () => true,
    () => false,
  )
  const result = await Promise.race([inTime, late])
  clearTimeout(timer)
  return result
}

export type { Run, Sightings } from './shard-worker.ts'
