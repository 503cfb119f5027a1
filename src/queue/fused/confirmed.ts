/**
 * Enqueue that answers only once replicas have the event, too (REDIS_WAIT_REPLICAS). What comes while a batch is on its way
 * goes out with the next, and one WAIT at its end stands for all of it, so replicas are asked once a batch and not once an event.
 */
import { createHash } from 'node:crypto'
import type { ChainableCommander } from 'ioredis'
import { RedisUnavailableError } from '../../errors.ts'
import type { ShardKeys } from '../keys.ts'
import type { Connection } from './commands.ts'
import { enqueueKeys, enqueueLua } from './enqueue.lua.ts'
import { type EnqueueOptions, enqueueAnswers, enqueueArguments, type Place, placeInBatches } from './enqueue.ts'

export type Confirmation = {
  /** How many replicas must confirm. */
  readonly replicas: number
  /** How long they may take, in milliseconds; shorter than the time after which the connection gives a command up. */
  readonly withinMs: number
}

/** Each result of a pipeline: an error, or an answer. */
type Result = readonly [Error | null, unknown]

const sha = createHash('sha1').update(enqueueLua).digest('hex')

/**
 * Enqueue with a confirmation. Rejects with RedisUnavailableError if too few replicas confirmed: the event may be in its
 * lane then, and a repeat is known by its id, and is confirmed like any other.
 */
export function confirmedEnqueue(
  redis: Connection,
  options: EnqueueOptions,
  { replicas, withinMs }: Confirmation,
): Place {
  /** Shards whose server has the script, as far as is known. */
  const taught = new Set<ShardKeys>()

  /** One request on one connection: else WAIT would speak of another connection's writes, or of another server. */
  const request = async (keys: ShardKeys, args: readonly (string | number)[]): Promise<readonly Result[]> => {
    const pipeline: ChainableCommander = redis.pipeline()
    if (taught.has(keys)) pipeline.evalsha(sha, enqueueKeys, ...args)
    else pipeline.eval(enqueueLua, enqueueKeys, ...args)
    // Of an event that is there already nothing is written, and WAIT would have nothing to wait for.
    pipeline.set(keys.confirmed, '')
    pipeline.wait(replicas, withinMs)
    return (await pipeline.exec()) ?? []
  }

  const confirm = async (keys: ShardKeys, args: readonly (string | number)[]) => {
    let results = await request(keys, args)
    if (results[0]?.[0]?.message.startsWith('NOSCRIPT')) {
      taught.delete(keys)
      results = await request(keys, args)
    }
    const [enqueued, mark, wait] = results
    const failure = enqueued?.[0] ?? mark?.[0] ?? wait?.[0]
    if (failure) throw failure
    const confirmed = Number(wait?.[1] ?? 0)
    if (confirmed < replicas) {
      throw new RedisUnavailableError(
        `Redis took the event, but ${confirmed} of ${replicas} replicas confirmed it within ${withinMs} ms (REDIS_WAIT_REPLICAS).`,
      )
    }
    return enqueueAnswers(enqueued?.[1])
  }

  return placeInBatches(
    async (keys, batch) => {
      try {
        const answers = await confirm(keys, enqueueArguments(keys, batch, options))
        taught.add(keys)
        return answers
      } catch (error) {
        // Another server may answer next, and a request for a script that it lacks would cost a whole wait.
        taught.delete(keys)
        // On a Cluster a pipeline is not redirected, a single command is: it brings the map of slots up to date.
        if ('nodes' in redis) redis.exists(keys.heads).catch(() => {})
        throw error
      }
    },
    { callsAtATime: 1 },
  )
}
