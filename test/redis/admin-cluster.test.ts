/** See and steer on a Redis Cluster: shards on different nodes, no command that spans two of them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { loadConfig } from '../../src/config.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { createLog } from '../../src/log.ts'
import { discardSelected, readActions, replaySelected } from '../../src/queue/actions.ts'
import { listBlocked, listHeld } from '../../src/queue/blocked.ts'
import { consume } from '../../src/queue/consume.ts'
import { readDeadLetters } from '../../src/queue/dead-letters.ts'
import { errorGroupsOf } from '../../src/queue/error-groups.ts'
import { readProcesses, tellHeartbeat } from '../../src/queue/heartbeat.ts'
import { openLanes } from '../../src/queue/lanes.ts'
import { overviewOf, readActivity } from '../../src/queue/overview.ts'
import { firstShard, openQueues } from '../../src/queue/queues.ts'
import { readRedisHealth } from '../../src/queue/redis-health.ts'
import { search } from '../../src/queue/search.ts'
import { readCall } from '../../src/queue/timeline.ts'
import { freePort, startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

/** Three masters without replicas; `host:port` of each. */
async function startCluster(t: TestContext): Promise<string[]> {
  const nodes: { readonly port: number; readonly bus: number; readonly look: Redis }[] = []
  for (let index = 0; index < 3; index += 1) {
    const bus = await freePort()
    const { port } = await startRedis(t, '--cluster-enabled', 'yes', '--cluster-port', `${bus}`)
    const look = new Redis(port, '127.0.0.1')
    look.on('error', () => {})
    t.after(() => look.disconnect())
    nodes.push({ port, bus, look })
  }
  const bounds = [0, 5_461, 10_923, 16_384]
  for (const [index, { look }] of nodes.entries()) {
    await look.call('CLUSTER', 'ADDSLOTSRANGE', `${bounds[index]}`, `${bounds[index + 1]! - 1}`)
    for (const { port, bus } of nodes) await look.call('CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${bus}`)
  }
  await waitFor(async () => {
    const infos = await Promise.all(nodes.map(({ look }) => look.call('CLUSTER', 'INFO')))
    return infos.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(info)))
  })
  return nodes.map(({ port }) => `127.0.0.1:${port}`)
}

test('see and steer, on a cluster of three with eight shards, sees and steers all of them', async (t) => {
  const addresses = await startCluster(t)
  const config = loadConfig({
    REDIS_CLUSTER_NODES: addresses.join(','),
    SHARDS: '8',
    DEAD_HEAD: 'block',
    ENQUEUE_TIMEOUT_MS: '4000',
  })
  const { redis, keys, ingress } = config
  const log = createLog({ level: 'silent' })
  const lanes = openLanes({ redis, keys, maxLaneEvents: 0, duplicateWindowMs: 0, log })
  const queues = openQueues({ redis, keys, sources: ingress.sources, timeZones: ingress.timeZones, log })
  t.after(() => Promise.all([lanes.close(), queues.close()]))
  await queues.ready(20_000)
  let isMended = false
  const worker = consume(
    { redis, keys, lanes: config.lanes, concurrency: 8, log, lockMs: 5_000, sweepMs: 500 },
    async () => (isMended ? { status: 'completed' } : { status: 'dead', error: 'CRM answered 503' }),
  )
  t.after(() => worker.drain(1_000))
  const callIds = Array.from({ length: 24 }, (_, index) => `17000000${index}.1`)
  const overview = overviewOf(queues, { everyMs: 0 })

  await waitFor(() => lanes.state().ready)
  for (const callId of callIds) for (const turn of [1, 2]) await lanes.enqueue(eventIn(callId, turn))
  await waitFor(async () => (await overview()).blockedLanes === 24)

  const { dead, parked, lanes: live } = await overview()
  assert.deepEqual({ dead, parked, live }, { dead: 24, parked: 24, live: 24 })
  assert.equal((await listBlocked(queues)).length, 24)
  assert.deepEqual(await listHeld(queues), [])
  assert.equal((await readDeadLetters(queues, {}, { limit: 100 })).dead.length, 24)
  assert.deepEqual(
    (await errorGroupsOf(queues)()).groups.map(({ group, count }) => [group, count]),
    [['CRM answered #', 24]],
  )
  assert.deepEqual(
    (await readCall(queues, callIds[0]!)).events.map(({ state }) => state),
    ['blocked', 'parked'],
  )
  assert.equal((await search(queues, '991')).length, 24)
  assert.equal((await readActivity(queues)).minutes.length, 60)
  await tellHeartbeat(queues.redis, firstShard(queues), { kind: 'admin', id: 'a', version: '1', startedAt: 1 })
  assert.deepEqual(
    (await readProcesses(queues)).map(({ id }) => id),
    ['a'],
  )
  assert.deepEqual((await readRedisHealth(queues)).map(({ node }) => node).sort(), [...addresses].sort())

  const gone = await discardSelected(queues, { callId: callIds[0]! }, { who: 'x' })
  assert.equal(gone.eventIds.length, 1)
  isMended = true
  const { eventIds } = await replaySelected(queues, { all: true }, { who: 'x' })
  await waitFor(async () => {
    const { lanes: left, dead: still } = await overview()
    return left <= 1 && still <= 1
  })
  assert.ok(eventIds.length >= 23)
  assert.deepEqual(
    (await readActions(queues)).map(({ what }) => what),
    ['replay', 'discard'],
  )
})

function eventIn(callId: string, turn: number): NewEvent {
  return {
    name: 'NewState',
    eventId: `event-${callId.replace('.', '-')}-${turn}`,
    source: 'default',
    callId,
    lane: `default/call:${callId}`,
    receivedAt: new Date(),
    data: { exten: '991' },
    problems: [],
    raw: {
      method: 'POST',
      path: '/',
      query: '',
      contentType: 'application/json',
      body: JSON.stringify({ event_name: 'NewState', cuid: callId, exten: '991' }),
      bodyEncoding: 'utf8',
    },
  } as unknown as NewEvent
}
