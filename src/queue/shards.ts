/**
 * The number of shards, kept in every shard. It may change only while no lane and no dead letter is there, since a lane
 * must never be in two places.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { BridgeError } from '../errors.ts'
import type { Connection } from './fused/commands.ts'
import { shardsOf } from './keys.ts'

/**
 * Records the count on the first start, and later makes sure that it is the same.
 * @throws BridgeError BRIDGE_SHARDS if it differs while anything is still there.
 */
export async function assertShards(redis: Connection, prefix: string, shards: number): Promise<void> {
  // One after the other: on a Cluster the first command to a node opens its connection, and a second would be refused.
  const stored: (string | null)[] = []
  for (const keys of shardsOf({ prefix, shards })) stored.push(await redis.get(keys.shards))
  if (stored.every((count) => count === String(shards))) return
  const previous = Number(stored.find((count) => count !== null && count !== String(shards)) ?? 0)
  for (const keys of shardsOf({ prefix, shards: previous })) {
    const left = (await redis.hlen(keys.heads)) + (await redis.zcard(keys.failed))
    if (left > 0) {
      throw new BridgeError(
        'BRIDGE_SHARDS',
        `SHARDS=${shards}, but Redis holds events spread over ${previous} shards: start with SHARDS=${previous} until every lane and dead letter is gone, then change it in all processes at once.`,
      )
    }
  }
  for (const keys of shardsOf({ prefix, shards: Math.max(previous, shards) }))
    await redis.set(keys.shards, String(shards))
}

/** Wait after a look that Redis refused, in milliseconds. */
const lookAgainMs = 500

/**
 * `assertShards` for those who wait: what Redis refuses meanwhile (a password that is being changed, a node that is away) is
 * asked again, until `isOver`.
 * @throws BridgeError BRIDGE_SHARDS as `assertShards` does.
 */
export async function awaitShards(
  redis: Connection,
  prefix: string,
  shards: number,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    try {
      return await assertShards(redis, prefix, shards)
    } catch (error) {
      if (error instanceof BridgeError || isOver()) throw error
      await pause(lookAgainMs)
    }
  }
}
