/**
 * All shards of a world, as the admin and the commands see them; and what looking costs Redis, in commands.
 */
import type { Redis } from 'ioredis'
import { shardsOf } from '../../src/queue/keys.ts'
import type { Queues } from '../../src/queue/queues.ts'
import type { World } from './lanes.ts'
import { waitFor } from './wait.ts'

export function queuesOf(w: World): Queues {
  return {
    redis: w.redis,
    shards: shardsOf(w.config.keys),
    sources: ['default', ...w.config.ingress.sources],
    timeZoneOf: () => 'UTC',
  }
}

/** Puts one event into each lane, many at a time. */
export async function putAll(
  w: World,
  places: readonly { readonly lane: string; readonly label: string }[],
): Promise<void> {
  for (let from = 0; from < places.length; from += 200)
    await Promise.all(places.slice(from, from + 200).map(({ lane, label }) => w.put(lane, label)))
}

/** Waits until nothing is in any lane of any shard. */
export async function settled(w: World): Promise<void> {
  const { redis, shards } = queuesOf(w)
  await waitFor(
    async () => (await Promise.all(shards.map(({ heads }) => redis.hlen(heads)))).every((left) => left === 0),
    {
      what: 'every lane of every shard is empty',
    },
  )
}

/** How many commands that are no more than looks the server was sent, in scripts and outside, while `run` ran. By name. */
export async function commandsOf(redis: Redis, run: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.config('RESETSTAT')
  await run()
  const stats = await redis.info('commandstats')
  return Object.fromEntries(
    [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', calls]) => [name, Number(calls)]),
  )
}
