/**
 * Queues: all shards at once, for those who look and steer (the admin, the commands). Every function of theirs takes one.
 * Fails fast while Redis is away, and never waits for it: whoever asked would rather know.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Config, timeZoneOf } from '../config.ts'
import { BridgeError, RedisUnavailableError } from '../errors.ts'
import type { Log } from '../log.ts'
import { connectProducer, disconnect } from './connection.ts'
import { checkedScripts } from './fused/bullmq-scripts.ts'
import { type Connection, defineScripts } from './fused/commands.ts'
import { defineLooks } from './fused/look.ts'
import { laneKeyOf, type ShardKeys, shardIn, shardsOf } from './keys.ts'
import { connectProblem } from './redis-errors.ts'

export type Queues = {
  readonly redis: Connection
  readonly shards: readonly ShardKeys[]
  /** Every source there may be, `default` included. */
  readonly sources: readonly string[]
  /** The zone of dates without one, by source; a replay normalises anew. */
  timeZoneOf(source: string): string
}

export type OpenQueues = Queues & {
  /**
   * Resolves when Redis can be asked and holds as many shards as SHARDS says; a new Redis, with none yet, will do.
   * @throws RedisUnavailableError if it does not answer within `limitMs`; BridgeError BRIDGE_SHARDS.
   */
  ready(limitMs?: number): Promise<void>
  close(): Promise<void>
}

export type QueuesOptions = {
  readonly redis: Config['redis']
  readonly keys: Config['keys']
  readonly sources: Config['ingress']['sources']
  readonly timeZones: Config['ingress']['timeZones']
  readonly log: Log
  /** How long one answer of Redis may take, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
}

/**
 * Opens one connection for looks, replays and discards. Returns at once, whether Redis is there or not.
 * @throws BridgeError BRIDGE_BULLMQ_VERSION if the installed BullMQ is not the known one.
 */
export function openQueues({
  redis: config,
  keys,
  sources,
  timeZones,
  log,
  timeoutMs = 5_000,
}: QueuesOptions): OpenQueues {
  const redis = connectProducer({ ...config, enqueueTimeoutMs: timeoutMs }, log, 'bridge-queues')
  defineScripts(redis, checkedScripts())
  defineLooks(redis)
  const shards = shardsOf(keys)
  return {
    redis,
    shards,
    sources: [...new Set(['default', ...sources])],
    timeZoneOf: (source) => timeZoneOf(timeZones, source),
    async ready(limitMs = timeoutMs) {
      const end = performance.now() + limitMs
      await whenReady(redis, limitMs)
      checkShards(await countsOf(redis, shards, end), shards.length)
    },
    close: () => disconnect(redis),
  }
}

/** The keys of the shard that a lane is in. */
export function shardOfLane({ shards }: Pick<Queues, 'shards'>, lane: string): ShardKeys {
  return shardIn(shards, laneKeyOf(lane))
}

/** The shard that holds what there is once only: actions and heartbeats. */
export function firstShard({ shards }: Pick<Queues, 'shards'>): ShardKeys {
  const [first] = shards
  if (first === undefined) throw new RangeError('there is no shard')
  return first
}

/** What each command of a pipeline answered, in order. Rejects with the first refusal. */
export async function answersOf(pipeline: ReturnType<Connection['pipeline']>): Promise<unknown[]> {
  const answers = (await pipeline.exec()) ?? []
  return answers.map(([error, answer]) => {
    if (error !== null) throw error
    return answer
  })
}

/** What Redis answers WITHSCORES, and to HSCAN: members or fields, each with the number behind it. */
export function pairsOf(flat: readonly string[]): [name: string, value: number][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', Number(flat[2 * at + 1])])
}

async function whenReady(redis: Connection, limitMs: number): Promise<void> {
  if (redis.status === 'ready') return
  let reason = 'no answer'
  const heard = (error: Error) => {
    reason = connectProblem(error)
  }
  redis.on('error', heard)
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once('ready', resolve)
      timer = setTimeout(() => reject(new RedisUnavailableError(`Redis did not answer: ${reason}`)), limitMs)
    })
  } finally {
    clearTimeout(timer)
    redis.off('error', heard)
  }
}

/** How many shards each of them was told there are. A Cluster that is ready may still be connecting to some of its nodes. */
async function countsOf(redis: Connection, shards: readonly ShardKeys[], end: number): Promise<(string | null)[]> {
  for (;;) {
    try {
      return await Promise.all(shards.map((keys) => redis.get(keys.shards)))
    } catch (error) {
      if (performance.now() > end)
        throw new RedisUnavailableError(`Redis did not answer: ${connectProblem(error as Error)}`, { cause: error })
      await pause(50)
    }
  }
}

/** Whoever looks with another count would look in the wrong places, and find nothing. */
function checkShards(counts: readonly (string | null)[], own: number): void {
  const count = counts.find((one) => one !== null && one !== String(own))
  if (count === undefined) return
  throw new BridgeError(
    'BRIDGE_SHARDS',
    `SHARDS=${own}, but Redis holds events spread over ${count} shards: give this process SHARDS=${count}, as all others have.`,
  )
}
