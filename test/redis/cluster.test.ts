/**
 * Lanes on a real Cluster of six nodes: every script of every shard finds its keys in one slot, upkeep works where the shard is,
 * and what a process says of its servers it says of each.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { Cluster } from 'ioredis'
import { type Config, loadConfig } from '../../src/config.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { createLog, type Log } from '../../src/log.ts'
import { consume, type Run } from '../../src/queue/consume.ts'
import { discard, replay } from '../../src/queue/dead-letters.ts'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts } from '../../src/queue/fused/commands.ts'
import { laneKeyOf, shardKeys, shardOf } from '../../src/queue/keys.ts'
import { type Lanes, openLanes } from '../../src/queue/lanes.ts'
import { startUpkeep } from '../../src/queue/upkeep.ts'
import { startRedis, uniquePrefix } from '../support/redis.ts'
import { nodeArgs, type SixNodes, startSixNodes } from '../support/redis-ha.ts'
import { eventIn } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const shards = 4

type Scene = {
  readonly config: Config
  readonly nodes: SixNodes
  readonly redis: Cluster
  readonly lines: Readonly<Record<string, unknown>>[]
  readonly log: Log
  readonly lanes: Lanes
}

async function scene(t: TestContext, env: Record<string, string> = {}): Promise<Scene> {
  const nodes = await startSixNodes(t, await startRedis(t, ...(await nodeArgs())))
  const config = loadConfig({ ...nodes.env, SHARDS: String(shards), KEY_PREFIX: uniquePrefix(), ...env })
  const lines: Scene['lines'] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const redis = new Cluster(nodes.servers.map(({ port }) => ({ host: '127.0.0.1', port })))
  defineScripts(redis, checkedScripts())
  t.after(() => redis.disconnect())
  const lanes = openLanes({ redis: config.redis, keys: config.keys, maxLaneEvents: 0, duplicateWindowMs: 60_000, log })
  t.after(() => lanes.close())
  await waitFor(() => lanes.state().ready)
  return { config, nodes, redis, lines, log, lanes }
}

function work(t: TestContext, { config, log }: Scene, run: Run): void {
  const { redis, keys, lanes } = config
  const consumer = consume({ redis, keys, lanes, concurrency: 16, lockMs: 1_000, sweepMs: 200, log }, run)
  t.after(() => consumer.drain(0))
}

const event = (lane: string, label: string): NewEvent => ({ ...eventIn(lane), eventId: `${label}-${randomUUID()}` })

/** A lane for each shard. */
const lanesOfShards = Array.from({ length: shards }, (_, shard) => {
  for (let number = 0; ; number += 1) {
    const lane = `default/call:${number}`
    if (shardOf(laneKeyOf(lane), shards) === shard) return lane
  }
})

const keysOf = ({ config }: Scene, lane: string) =>
  shardKeys(config.keys.prefix, shardOf(laneKeyOf(lane), config.keys.shards))

async function emptied(s: Scene): Promise<void> {
  for (const lane of lanesOfShards) await waitFor(async () => (await s.redis.hlen(keysOf(s, lane).heads)) === 0)
}

test('cluster, with a lane in every shard, takes, retries, puts off, replays and discards in order', async (t) => {
  const s = await scene(t)
  const done: string[] = []
  const isAgain = new Set<string>()
  work(t, s, async ({ lane, eventId }) => {
    const label = eventId.slice(0, -37)
    const first = !isAgain.has(eventId)
    isAgain.add(eventId)
    if (label === 'b' && first) return { status: 'retry', delayMs: 10, error: 'scripted' }
    if (label === 'c' && first) return { status: 'later', delayMs: 10, cause: 'asked', error: 'scripted' }
    if (label === 'd' && first) return { status: 'dead', error: 'scripted' }
    if (label === 'e') return { status: 'dead', error: 'scripted' }
    done.push(`${lane} ${label}`)
    return { status: 'completed' }
  })
  for (const label of ['a', 'b', 'c', 'd', 'e', 'f'])
    await Promise.all(lanesOfShards.map((lane) => s.lanes.enqueue(event(lane, label))))
  await emptied(s)

  for (const lane of lanesOfShards) {
    const keys = keysOf(s, lane)
    const dead = (await s.redis.zrange(keys.failed, '0', '-1')).sort()
    assert.deepEqual(
      dead.map((id) => id.slice(0, 1)),
      ['d', 'e'],
    )
    assert.equal((await replay(s.redis, keys, String(dead[0]), () => 'UTC')).status, 'replayed')
    assert.equal(await discard(s.redis, keys, String(dead[1])), true)
  }
  await emptied(s)

  for (const lane of lanesOfShards) {
    const ofLane = done.filter((line) => line.startsWith(`${lane} `)).map((line) => line.slice(lane.length + 1))
    assert.deepEqual(ofLane, ['a', 'b', 'c', 'f', 'd'])
  }
  assert.equal(await s.lanes.claimEventId('bytes', 'one'), 'one')
  assert.equal(await s.lanes.claimEventId('bytes', 'two'), 'one')
})

test('cluster, with 4 shards on 3 masters, has events on every master, and its workers leave no connection behind', async (t) => {
  const s = await scene(t)
  const masters = new Set<number>()

  for (const lane of lanesOfShards) {
    await s.lanes.enqueue(event(lane, 'a'))
    masters.add((await s.nodes.masterOf(keysOf(s, lane).heads)).port)
  }

  assert.ok(masters.size >= 2, `the shards are on ${masters.size} masters`)
  const { redis, keys, lanes } = s.config
  const consumer = consume({ redis, keys, lanes, concurrency: 4, log: s.log }, async () => ({ status: 'completed' }))
  await emptied(s)
  await consumer.drain(5_000)
  const clients = await Promise.all(s.nodes.servers.map(({ look }) => look.client('LIST')))
  assert.deepEqual(String(clients.join('\n')).match(/name=\S*bridge-worker\S*/g) ?? [], [])
})

test('cluster, given another number of shards while events are there, is not ready and says so', async (t) => {
  const s = await scene(t)
  await s.lanes.enqueue(event(lanesOfShards[0] ?? '', 'a'))
  const keys = { ...s.config.keys, shards: 2 }

  const other = openLanes({ redis: s.config.redis, keys, maxLaneEvents: 0, duplicateWindowMs: 0, log: s.log })
  t.after(() => other.close())

  await waitFor(() => /SHARDS=2, but Redis holds events spread over 4/.test(other.state().detail))
})

test('cluster, in its upkeep, prunes call records on whichever node the shard is', async (t) => {
  const s = await scene(t)
  work(t, s, async () => ({ status: 'completed' }))
  await Promise.all(lanesOfShards.map((lane) => s.lanes.enqueue(event(lane, 'a'))))
  await emptied(s)

  for (const lane of lanesOfShards) {
    const keys = keysOf(s, lane)
    const [id] = await s.redis.zrange(keys.completed, '0', '-1')
    await s.redis.del(keys.job(String(id)))
    const upkeep = startUpkeep({
      redis: s.redis,
      keys,
      deadHead: 'advance',
      retentionMs: 0,
      retentionMaxEvents: 1_000,
      log: s.log,
      everyMs: 3_600_000,
      now: () => Date.now() + 3_600_000,
    })
    await waitFor(async () => {
      await upkeep.pass()
      return (await s.redis.exists(keys.call(laneKeyOf(lane)))) === 0
    })
    await upkeep.stop()
  }
})

test('cluster, of a node that writes to disk now and then, says so and names the node', async (t) => {
  const s = await scene(t)
  const node = s.nodes.servers[4]
  // A replica that has received nothing yet is in no map.
  for (const lane of lanesOfShards) await s.lanes.enqueue(event(lane, 'a'))
  await node?.look.call('CONFIG', 'SET', 'appendfsync', 'everysec')

  const other = openLanes({
    redis: s.config.redis,
    keys: s.config.keys,
    maxLaneEvents: 0,
    duplicateWindowMs: 0,
    log: s.log,
  })
  t.after(() => other.close())

  const line = await waitFor(() => s.lines.find(({ msg }) => String(msg).includes('appendfsync everysec')))
  assert.equal(line['redis'], `127.0.0.1:${node?.port}`)
})
