/**
 * Scaling out: lanes spread over the three masters of a Redis Cluster, against all of them on one of these.
 */
import type { Case, Figures } from '../case.ts'
import { startCluster } from '../support/cluster.ts'
import { fill, watchDrains } from '../support/drain.ts'
import type { Measurement } from '../support/measurement.ts'

/** With this prefix the first three shards lie on a master each, in a Cluster that has its slots in equal ranges. */
const prefix = 'bench'

async function measure(side: string, m: Measurement): Promise<Figures> {
  const cluster = await startCluster(m.scope, 3)
  const shards = side === 'three' ? 3 : 1
  const env = { REDIS_CLUSTER_NODES: cluster.nodes, SHARDS: `${shards}`, KEY_PREFIX: prefix }
  const places = await Promise.all(
    Array.from({ length: shards }, async (_, shard) => {
      const completed = `{${prefix}:${shard}}:events:completed`
      return { redis: await cluster.masterOf(completed), completed }
    }),
  )
  const [first] = places
  if (first === undefined || new Set(places.map(({ redis }) => redis)).size < shards) {
    throw new Error('two shards lie on one master')
  }
  const plan = { side: 'bridge', lanes: m.isQuick ? 250 : 2_500, perLane: 8 } as const
  const { events, seconds } = await fill(m, first.redis, plan, env)
  const drain = await watchDrains(m.worker(first.redis, { env }), places, events)
  return { enqueuedPerSecond: events / seconds, ...drain }
}

export const shards: Case = {
  name: 'shards',
  about: '20,000 events enqueued and drained on a Cluster of three masters: SHARDS=1, and SHARDS=3; one worker',
  sides: ['one', 'three'],
  rows: [
    {
      label: 'enqueue over three masters, against one',
      figure: 'enqueuedPerSecond',
      side: 'three',
      reference: 'one',
      target: { least: 1 },
      unit: '/s',
    },
    {
      label: 'ordered drain over three masters, against one',
      figure: 'perSecond',
      side: 'three',
      reference: 'one',
      target: { least: 1 },
      unit: '/s',
    },
    {
      label: 'CPU of the busiest master for a drained event',
      figure: 'redisCpuMicroseconds',
      side: 'three',
      reference: 'one',
      target: { most: 0.5 },
      unit: 'µs',
    },
  ],
  measure,
}
