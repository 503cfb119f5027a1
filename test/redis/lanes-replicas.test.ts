/**
 * Enqueue with REDIS_WAIT_REPLICAS: an acknowledged event is on a replica, and one that no replica confirmed is refused as if
 * Redis were away, so that the spool keeps it.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RedisUnavailableError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { type Lanes, openLanes } from '../../src/queue/lanes.ts'
import { record, type World, world } from '../support/lanes.ts'
import { startRedis } from '../support/redis.ts'
import { cutOff, heal, type Server, startReplica, taken } from '../support/redis-ha.ts'
import { waitFor } from '../support/wait.ts'

type Scene = { readonly w: World; readonly master: Server; readonly replica: Server }

async function scene(t: TestContext, env: Record<string, string> = {}): Promise<Scene> {
  const { master, replica } = await startReplica(t, await startRedis(t))
  const w = await world(t, {
    url: master.url,
    env: { REDIS_WAIT_REPLICAS: '1', ENQUEUE_TIMEOUT_MS: '1500', ...env },
  })
  return { w, master, replica }
}

/** Another process: a connection that has written nothing yet. */
async function another(t: TestContext, { config }: World): Promise<Lanes> {
  const lanes = openLanes({
    redis: config.redis,
    keys: config.keys,
    maxLaneEvents: 0,
    duplicateWindowMs: 0,
    log: createLog({ level: 'silent' }),
  })
  t.after(() => lanes.close())
  await waitFor(() => lanes.state().ready)
  return lanes
}

const tooFew = (error: Error) => error instanceof RedisUnavailableError && /0 of 1 replicas/.test(error.message)

test('waiting for a replica, of many events at once, each is on the replica when it is acknowledged', async (t) => {
  const { w, replica } = await scene(t)
  const events = Array.from({ length: 200 }, (_, number) => w.event(`default/call:${number % 10}`, `e${number}`))

  const missing: string[] = []
  await Promise.all(
    events.map(async (event) => {
      await w.lanes.enqueue(event)
      if (!(await taken(replica, w.config.keys.prefix)).has(event.eventId)) missing.push(event.eventId)
    }),
  )

  assert.deepEqual(missing, [])
  const ofLane = events.filter(({ lane }) => lane === 'default/call:3').map(({ eventId }) => eventId)
  assert.deepEqual(await record(w, 'default/call:3'), ofLane)
})

test('waiting for a replica, while it is cut off, refuses the event as if Redis were away; a repeat is taken once', async (t) => {
  const { w, replica } = await scene(t)
  const event = w.event('default/call:1', 'a')
  await cutOff(replica)

  await assert.rejects(w.lanes.enqueue(event), tooFew)
  await assert.rejects(w.lanes.enqueue(event), tooFew)
  await heal(replica)
  await waitFor(() => w.lanes.enqueue(event).catch(() => undefined), { what: 'the repeat is confirmed' })

  assert.deepEqual(await record(w, 'default/call:1'), [event.eventId])
  assert.ok((await taken(replica, w.config.keys.prefix)).has(event.eventId))
})

test('waiting for a replica, of a repeat over a new connection, waits although nothing of the event is written', async (t) => {
  const { w, replica } = await scene(t)
  const event = w.event('default/call:1', 'a')
  await cutOff(replica)
  await assert.rejects(w.lanes.enqueue(event), tooFew)

  await assert.rejects((await another(t, w)).enqueue(event), tooFew)
})

test('waiting for a replica, after Redis forgot its scripts, teaches them again', async (t) => {
  const { w, master, replica } = await scene(t)
  await w.put('default/call:1', 'a')
  await master.look.call('SCRIPT', 'FLUSH')

  await Promise.all(['b', 'c', 'd'].map((label) => w.put(`default/call:${label}`, label)))

  assert.equal((await taken(replica, w.config.keys.prefix)).size, 4)
})

test('waiting for a replica, of a lane that is full, refuses that event alone', async (t) => {
  const { w } = await scene(t, { MAX_LANE_EVENTS: '1' })
  await w.put('default/call:1', 'a')

  const [full, other] = await Promise.allSettled([
    w.lanes.enqueue(w.event('default/call:1', 'b')),
    w.lanes.enqueue(w.event('default/call:2', 'c')),
  ])

  assert.match(String(full.status === 'rejected' && full.reason), /MAX_LANE_EVENTS/)
  assert.equal(other.status, 'fulfilled')
})

test('a master that asks for replicas itself (min-replicas-to-write), without one, is Redis away, and goes on by itself', async (t) => {
  const { w, master, replica } = await scene(t, { REDIS_WAIT_REPLICAS: '0' })
  w.work()
  await w.put('default/call:1', 'a')
  await w.emptied()
  await master.look.call('CONFIG', 'SET', 'min-replicas-to-write', '1')
  await w.put('default/call:1', 'b')
  await cutOff(replica)

  const event = w.event('default/call:1', 'c')
  await assert.rejects(
    w.lanes.enqueue(event),
    (error) => error instanceof RedisUnavailableError && /NOREPLICAS/.test(error.message),
  )
  await heal(replica)
  await waitFor(() => w.lanes.enqueue(event).catch(() => undefined), { what: 'the event is taken' })
  await w.emptied()

  assert.deepEqual(
    w.labelsOf('default/call:1').filter((label, at, all) => all.indexOf(label) === at),
    ['a', 'b', 'c'],
  )
})
