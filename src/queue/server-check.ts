/**
 * Says at each connection what of the Redis server's settings would break the promise: eviction, no log on disk.
 * Only says it: such a Redis is better than none.
 */
import type { Redis } from 'ioredis'
import type { Log } from '../log.ts'
import type { Connection } from './fused/commands.ts'
import { healthIn, nodeOf, type RedisHealth, type Risk, risksOf } from './redis-health.ts'

/** Wait before a server that did not answer is asked again, in milliseconds. */
const askAgainMs = 2_000

/** Warns once per kind of problem and server, whenever the connection becomes ready; of a Cluster, whenever a node shows up. */
export function warnAboutServer(redis: Connection, log: Log): void {
  const said = new Set<string>()
  const look = async (server: Redis, address: { readonly redis?: string }) => {
    for (const problem of await problemsOf(server)) {
      const key = `${address.redis} ${problem}`
      if (said.has(key)) continue
      said.add(key)
      log.warn(address, problem)
    }
  }
  const ask = (server: Redis, address: { readonly redis?: string }, tries = 3): void => {
    look(server, address).catch((error: unknown) => {
      // Not allowed to ask, or gone again: then nothing is known, and nothing is said. Slow: it is asked again.
      if (/NOPERM/.test(String(error)) || tries === 1) return
      setTimeout(() => ask(server, address, tries - 1), askAgainMs).unref()
    })
  }
  if ('nodes' in redis) {
    redis.on('+node', (node: Redis) => ask(node, { redis: nodeOf(node) }))
  } else {
    redis.on('ready', () => ask(redis, {}))
  }
}

async function problemsOf(redis: Redis): Promise<string[]> {
  const health = healthIn(await redis.info())
  const risks = risksOf(health)
  const problems = risks.map((risk) => texts[risk](health))
  // Without the file nothing is written to disk at all.
  const fsync = risks.includes('no-append-only-file') ? undefined : await appendFsync(redis)
  if (fsync !== undefined && fsync !== 'always') {
    problems.push(
      `redis writes its append-only file to disk only now and then (appendfsync ${fsync}): set always, or a crash loses what was acknowledged last`,
    )
  }
  return problems
}

const texts: Readonly<Record<Risk, (health: RedisHealth) => string>> = {
  evicts: ({ policy }) =>
    `redis drops keys when its memory is full (maxmemory-policy ${policy}): set noeviction, or events are lost`,
  'no-append-only-file': () =>
    'redis keeps no append-only file: set appendonly yes and appendfsync always, or a crash of redis loses what was acknowledged',
  'cannot-write': () => 'redis cannot write its append-only file: look at its disk',
}

/** Undefined where asking is not allowed, as with most Redis that somebody else runs. */
async function appendFsync(redis: Redis): Promise<string | undefined> {
  const answer = await redis.config('GET', 'appendfsync').catch(() => undefined)
  return Array.isArray(answer) ? String(answer[1]) : undefined
}
