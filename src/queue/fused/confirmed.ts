/**
 * Enqueue that answers only once replicas have the event, too (REDIS_WAIT_REPLICAS). What comes while a batch is on its way
 * goes out with the next, and one WAIT at its end stands for all of it, so replicas are asked once a batch and not once an event.
 */
import { createHash } from 'node:crypto'
import type { ChainableCommander } from 'ioredis'
import { RedisUnavailableError } from '../../errors.ts'
import type { ShardKeys } from '../keys.ts'
import type { BullmqScripts } from './bullmq-scripts.ts'
import { type Connection, type EnqueueAnswer, enqueueAnswer, enqueueArguments, type runEnqueue } from './commands.ts'
import { enqueueKeys, enqueueLua } from './enqueue.lua.ts'

export type Confirmation = {
  /** How many replicas must confirm. */
  readonly replicas: number
  /** How long they may take, in milliseconds; shorter than the time after which the connection gives a command up. */
  readonly withinMs: number
}

/** One shard: what waits for its answer, and whether its server has the script, as far as is known. */
type Shard = { readonly waiting: Waiting[]; isTaught: boolean }

type Waiting = {
  readonly args: readonly (string | number)[]
  readonly resolve: (answer: EnqueueAnswer) => void
  readonly reject: (error: unknown) => void
}

/** Each result of a pipeline: an error, or an answer. */
type Result = readonly [Error | null, unknown]

/**
 * `runEnqueue` with a confirmation. Rejects with RedisUnavailableError if too few replicas confirmed: the event may be in its
 * lane then, and a repeat is known by its id, and is confirmed like any other.
 */
export function confirmedEnqueue(scripts: BullmqScripts, { replicas, withinMs }: Confirmation): typeof runEnqueue {
  const lua = enqueueLua(scripts)
  const sha = createHash('sha1').update(lua).digest('hex')
  const shards = new Map<string, Shard>()

  /** One request on one connection: else WAIT would speak of another connection's writes, or of another server. */
  const request = async (redis: Connection, keys: ShardKeys, batch: readonly Waiting[], isTaught: boolean) => {
    const pipeline: ChainableCommander = redis.pipeline()
    batch.forEach(({ args }, index) => {
      // EVAL teaches the server the script that the EVALSHAs behind it name.
      if (index === 0 && !isTaught) pipeline.eval(lua, enqueueKeys, ...args)
      else pipeline.evalsha(sha, enqueueKeys, ...args)
    })
    // Of an event that is there already nothing is written, and WAIT would have nothing to wait for.
    pipeline.set(keys.confirmed, '')
    pipeline.wait(replicas, withinMs)
    return (await pipeline.exec()) ?? []
  }

  const send = async (redis: Connection, keys: ShardKeys, { isTaught }: Shard, batch: readonly Waiting[]) => {
    const results: readonly Result[] = await request(redis, keys, batch, isTaught)
    const isForgotten = results.some(([error]) => error?.message.startsWith('NOSCRIPT'))
    return isForgotten ? await request(redis, keys, batch, false) : results
  }

  const settle = (batch: readonly Waiting[], results: readonly Result[]) => {
    const [mark, wait] = results.slice(batch.length)
    const confirmed = Number(wait?.[1] ?? 0)
    const refused =
      mark?.[0] ??
      wait?.[0] ??
      (confirmed < replicas
        ? new RedisUnavailableError(
            `Redis took the event, but ${confirmed} of ${replicas} replicas confirmed it within ${withinMs} ms (REDIS_WAIT_REPLICAS).`,
          )
        : undefined)
    batch.forEach(({ resolve, reject }, index) => {
      const [error, answer] = results[index] ?? [new Error('no answer'), undefined]
      if (error !== null || refused !== undefined) reject(error ?? refused)
      else resolve(enqueueAnswer(answer))
    })
    return refused
  }

  const sendAll = async (redis: Connection, keys: ShardKeys, shard: Shard) => {
    const { waiting } = shard
    while (waiting.length > 0) {
      const batch = waiting.slice()
      let refused: unknown
      try {
        refused = settle(batch, await send(redis, keys, shard, batch))
      } catch (error) {
        refused = error
        for (const { reject } of batch) reject(error)
      }
      waiting.splice(0, batch.length)
      // After a failure another server may answer, and a request for a script that it lacks would cost a whole wait.
      shard.isTaught = refused === undefined
      if (refused === undefined) continue
      // What waited behind has waited long enough.
      for (const { reject } of waiting.splice(0)) reject(refused)
      // On a Cluster a pipeline is not redirected, a single command is: it brings the map of slots up to date.
      if ('nodes' in redis) redis.exists(keys.heads).catch(() => {})
    }
  }

  return (redis, keys, laneKey, event, limits) =>
    new Promise((resolve, reject) => {
      const shard = shards.get(keys.base) ?? { waiting: [], isTaught: false }
      shards.set(keys.base, shard)
      shard.waiting.push({ args: enqueueArguments(keys, laneKey, event, limits), resolve, reject })
      // Later in this turn, so that what comes in the same turn goes out together.
      if (shard.waiting.length === 1) setImmediate(() => void sendAll(redis, keys, shard))
    })
}
