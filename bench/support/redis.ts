/**
 * A Redis of the bench's own, on a free port of loopback with its data in a folder that goes with it; and what it tells.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../../scripts/bootstrap/redis-server.ts'
import type { Scope, Started } from './scope.ts'

export type RedisServer = {
  readonly url: string
  readonly port: number
  readonly process: Started
  /** A connection for looking. */
  readonly client: Redis
}

/** As a careful operator runs it: every write is on disk before it is answered. */
export const durable: readonly string[] = [
  '--appendonly',
  'yes',
  '--appendfsync',
  'always',
  '--save',
  '',
  '--hash-max-listpack-value',
  '2048',
]

/** Starts a server and waits until it answers. `args` replace those of a durable one; `given` a port that is free. */
export async function startRedis(
  scope: Scope,
  args: readonly string[] = durable,
  given?: number,
): Promise<RedisServer> {
  const port = given ?? (await freePort())
  const where = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', scope.folder()]
  const server = scope.start('redis-server', process.env['REDIS_SERVER'] || 'redis-server', [...where, ...args])
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  scope.before(async () => client.disconnect())
  for (let turn = 0; ; turn += 1) {
    try {
      if (client.status !== 'ready') await client.connect()
      await client.ping()
      return { url: `redis://127.0.0.1:${port}`, port, process: server, client }
    } catch (error) {
      if (turn === 200) throw new Error('redis-server does not answer', { cause: error })
      await pause(25)
    }
  }
}

/** Bytes that the server holds once nobody writes any more: the least of some looks, since buffers come and go. */
export async function usedMemory(client: Redis): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look += 1) {
    await pause(200)
    least = Math.min(least, Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1] ?? 0))
  }
  return least
}

/** Calls and microseconds of each command since the last `CONFIG RESETSTAT`, scripts and what they call apart. */
export async function commandStats(client: Redis): Promise<Map<string, { calls: number; microseconds: number }>> {
  const lines = (await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)
  return new Map(
    [...lines].map(([, name = '', calls, usec]) => [name, { calls: Number(calls), microseconds: Number(usec) }]),
  )
}
