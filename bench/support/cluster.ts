/**
 * A Redis Cluster of masters without replicas, on loopback, each with an equal range of the slots.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../scripts/bootstrap/redis-server.ts'
import { durable, type RedisServer, startRedis } from './redis.ts'
import type { Scope } from './scope.ts'

export type RedisCluster = {
  readonly masters: readonly RedisServer[]
  /** The value of REDIS_CLUSTER_NODES. */
  readonly nodes: string
  /** The master on which a key lies. */
  masterOf(key: string): Promise<RedisServer>
}

const slots = 16_384

/** Starts the masters, as durable as a single one, and waits until each of them knows that the Cluster is whole. */
export async function startCluster(scope: Scope, count: number): Promise<RedisCluster> {
  const masters: RedisServer[] = []
  for (let index = 0; index < count; index += 1) {
    masters.push(await startRedis(scope, [...durable, '--cluster-enabled', 'yes'], await clusterPort()))
  }
  const [first] = masters
  if (first === undefined) throw new Error('a Cluster has at least one master')
  const firstSlot = (index: number) => Math.ceil((index * slots) / count)
  for (const [index, { client, port }] of masters.entries()) {
    const from = firstSlot(index)
    const own = Array.from({ length: firstSlot(index + 1) - from }, (_, slot) => from + slot)
    await client.cluster('ADDSLOTS', ...own)
    await first.client.cluster('MEET', '127.0.0.1', port)
  }
  for (const { client } of masters) await untilWhole(client)

  return {
    masters,
    nodes: masters.map(({ port }) => `127.0.0.1:${port}`).join(','),
    async masterOf(key) {
      const slot = await first.client.cluster('KEYSLOT', key)
      return masters.find((_, index) => slot < firstSlot(index + 1)) ?? first
    },
  }
}

/** Nodes talk to each other on their port and 10,000. */
async function clusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port <= 55_535) return port
  }
}

async function untilWhole(client: RedisServer['client']): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (/^cluster_state:ok/m.test(String(await client.cluster('INFO')))) return
    await pause(50)
  }
  throw new Error('the Cluster does not get whole')
}
