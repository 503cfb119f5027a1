/** Overview: what is where, how long the oldest waits, what stands still; and what asking costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../src/event/outcome.ts'
import { listBlocked, listHeld } from '../../src/queue/blocked.ts'
import { overviewOf, readActivity } from '../../src/queue/overview.ts'
import { readRedisHealth } from '../../src/queue/redis-health.ts'
import { deadJob, discardJob, type World, world } from '../support/lanes.ts'
import { commandsOf, putAll, queuesOf } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const hour = 3_600_000
const inAnHour: Outcome = { status: 'retry', delayMs: hour, error: 'CRM answered 503' }
const read = (w: World) => overviewOf(queuesOf(w), { everyMs: 0 })()

/** An event that was received so long ago, as one that was spooled. */
async function putOld(w: World, lane: string, label: string, ageMs: number): Promise<void> {
  const event = w.event(lane, label)
  await w.lanes.enqueue({ ...event, receivedAt: new Date(event.receivedAt.getTime() - ageMs) })
}

for (const shards of ['1', '4']) {
  test(`overview with SHARDS=${shards}, of events in every place, counts each where it is`, async (t) => {
    const w = await world(t, {
      env: { DEAD_HEAD: 'block', SHARDS: shards },
      script: { active: ['hang'], delayed: [inAnHour], blocked: ['dead'] },
    })
    const worker = w.work()
    await w.put('default/call:1', 'active', 'parked')
    await w.put('default/call:2', 'delayed', 'parked', 'parked')
    await w.put('default/call:3', 'blocked', 'parked')
    await w.put('default/call:4', 'completed')
    await waitFor(async () => {
      const { active, delayed, blockedLanes, completed } = await read(w)
      return active === 1 && delayed === 1 && blockedLanes === 1 && completed === 1
    })

    const { parked, dead, lanes, waiting } = await read(w)
    assert.deepEqual({ parked, dead, lanes, waiting }, { parked: 4, dead: 1, lanes: 3, waiting: 0 })
    await worker.drain(0)
    await w.put('default/call:5', 'waiting')
    await w.put('default/call:6', 'waiting', 'parked')
    const now = await read(w)
    // The one that was active is put back and waits again.
    assert.ok(now.waiting + now.delayed >= 3)
    assert.equal(now.parked, 5)
    assert.equal(now.lanes, 5)
  })
}

test('overview, of nothing at all, is all zero', async (t) => {
  const w = await world(t)

  const { at, walkedMsAgo: _, ...rest } = await read(w)

  assert.deepEqual(new Set(Object.values(rest)), new Set([0]))
  assert.ok(at > 0)
})

test('overview, asked again once every lane is empty, tells of nothing that waits, however long a walk is kept', async (t) => {
  const w = await world(t)
  const overview = overviewOf(queuesOf(w), { everyMs: hour })
  await w.put('default/call:1', 'a', 'b', 'c')
  assert.equal((await overview()).parked, 2)

  w.work()
  await w.emptied()

  const { parked, oldestWaitingMs, lanes } = await overview()
  assert.deepEqual({ parked, oldestWaitingMs, lanes }, { parked: 0, oldestWaitingMs: 0, lanes: 0 })
})

test('the oldest that waits, when it is parked behind a head that is retried for an hour, is told by its own age', async (t) => {
  const w = await world(t, { script: { head: [inAnHour] } })
  w.work()
  await putOld(w, 'default/call:1', 'head', 5 * hour)
  await waitFor(async () => (await read(w)).delayed === 1)
  assert.equal((await read(w)).oldestWaitingMs, 0, 'the head itself waits for its backoff, not for a worker')

  await putOld(w, 'default/call:1', 'behind', hour)
  await putOld(w, 'default/call:1', 'behind', 0)

  const { oldestWaitingMs } = await read(w)
  assert.ok(oldestWaitingMs >= hour && oldestWaitingMs < 2 * hour, `${oldestWaitingMs}`)
})

test('the oldest that waits, with no worker, is the oldest head; with one at work on it, it is not', async (t) => {
  const w = await world(t, { script: { a: ['hang'] } })
  await putOld(w, 'default/call:1', 'b', hour)
  await putOld(w, 'default/call:2', 'a', 3 * hour)
  const { oldestWaitingMs } = await read(w)
  assert.ok(oldestWaitingMs >= 3 * hour && oldestWaitingMs < 4 * hour, `${oldestWaitingMs}`)

  w.work()
  await waitFor(async () => (await read(w)).completed === 1)

  const after = await read(w)
  assert.equal(after.active, 1)
  assert.equal(after.oldestWaitingMs, 0)
})

test('the oldest that waits, behind a blocked head, is told by how long the lane is blocked, and by no other figure', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  w.work()
  await putOld(w, 'default/call:1', 'a', 3 * hour)
  await putOld(w, 'default/call:1', 'b', 3 * hour)
  const jobId = await deadJob(w, 'a')

  const before = await waitFor(async () => {
    const one = await read(w)
    return one.oldestBlockedMs > 0 ? one : undefined
  })
  assert.equal(before.oldestWaitingMs, 0)
  assert.ok(before.oldestBlockedMs < hour)
  assert.equal(before.parked, 1)
  await discardJob(w, jobId)
  await w.emptied()

  const after = await read(w)
  assert.deepEqual([after.oldestBlockedMs, after.blockedLanes, after.parked], [0, 0, 0])
})

test('blocked lanes, of several in four shards, are listed longest first, each with its head and what waits behind', async (t) => {
  const labels = ['a', 'b', 'c', 'd', 'e']
  const w = await world(t, {
    env: { DEAD_HEAD: 'block', SHARDS: '4' },
    script: Object.fromEntries(labels.map((label) => [label, ['dead']])),
  })
  w.work()
  for (const [index, label] of labels.entries()) {
    await w.put(`default/call:${label}`, label, ...Array.from({ length: index }, () => 'behind'))
    await waitFor(async () => (await read(w)).blockedLanes === index + 1)
  }

  const blocked = await listBlocked(queuesOf(w))

  assert.deepEqual(
    blocked.map(({ lane, behind, error, name }) => [lane, behind, error, name]),
    labels.map((label, index) => [`default/call:${label}`, index, 'scripted death', 'Unknown']),
  )
  assert.ok(blocked.every(({ since, eventId }) => since > 0 && /^[a-e]-/.test(eventId)))
  assert.deepEqual(
    (await listBlocked(queuesOf(w), 2)).map(({ lane }) => lane),
    ['default/call:a', 'default/call:b'],
  )
})

test('held lanes, of heads that are retried, tell the attempt, its error, the next try and what waits', async (t) => {
  const later: Outcome = { status: 'later', delayMs: 2 * hour, cause: 'asked', error: 'CRM is busy' }
  const w = await world(t, { env: { SHARDS: '4' }, script: { a: ['fail', inAnHour], b: [later] } })
  w.work()
  const before = Date.now()
  await w.put('default/call:1', 'a', 'behind', 'behind')
  await w.put('default/call:2', 'b')
  const held = await waitFor(async () => {
    const lanes = await listHeld(queuesOf(w))
    return lanes.length === 2 && lanes.some(({ attempt }) => attempt === 2) ? lanes : undefined
  })

  assert.deepEqual(
    held.map(({ lane, attempt, outcome, error, behind }) => ({ lane, attempt, outcome, error, behind })),
    [
      { lane: 'default/call:1', attempt: 2, outcome: 'retry', error: 'CRM answered 503', behind: 2 },
      { lane: 'default/call:2', attempt: 1, outcome: 'later', error: 'CRM is busy', behind: 0 },
    ],
  )
  const [first, second] = held
  assert.ok(first!.nextTryAt >= before + hour && first!.nextTryAt < before + 2 * hour)
  assert.ok(second!.nextTryAt >= before + 2 * hour)
})

test('activity, of events that were completed just now, counts them once their minute is over', async (t) => {
  const w = await world(t)
  w.work()
  await w.put('default/call:1', 'a', 'b')
  await w.emptied()
  const [seconds] = await w.redis.time()
  // Finished in the minute before this one.
  const then = (Math.floor(Number(seconds) / 60) - 1) * 60_000 + 1
  for (const jobId of await w.redis.zrange(w.keys.completed, '0', '-1'))
    await w.redis.zadd(w.keys.completed, then, jobId)

  const { minutes } = await readActivity(queuesOf(w))

  assert.equal(minutes.length, 60)
  assert.deepEqual(
    minutes
      .slice(-2)
      .map(({ completed }) => completed)
      .reduce((sum, n) => sum + n),
    2,
  )
})

test('health of Redis, of a server with an append-only file, says so', async (t) => {
  const { url } = await startRedis(t, '--maxmemory', '100mb')
  const w = await world(t, { url })

  const [health] = await readRedisHealth(queuesOf(w))

  const { policy, isAppendOnly, isLastWriteOk, maxBytes } = health!
  assert.deepEqual(
    { policy, isAppendOnly, isLastWriteOk, maxBytes },
    { policy: 'noeviction', isAppendOnly: true, isLastWriteOk: true, maxBytes: 104_857_600 },
  )
})

test('overview, asked again and again with thousands of lanes, walks them once in a while and not each time', async (t) => {
  const { url } = await startRedis(t)
  const w = await world(t, { url })
  await putAll(
    w,
    Array.from({ length: 3_000 }, (_, index) => ({ lane: `default/call:${index % 1_500}`, label: 'a' })),
  )
  const overview = overviewOf(queuesOf(w), { everyMs: 60_000 })

  const first = await commandsOf(w.redis, overview)
  const others = await commandsOf(w.redis, async () => {
    for (let turn = 0; turn < 20; turn += 1) assert.equal((await overview()).parked, 1_500)
  })

  // A length, a first follower and a date a lane; a state only for what could be the oldest.
  assert.ok(first['llen']! >= 1_500 && first['llen']! < 1_520, `${first['llen']}`)
  assert.ok(first['lindex']! <= 1_500)
  assert.ok((first['zscore'] ?? 0) < 100, `${first['zscore']}`)
  assert.ok(first['hscan']! >= 5, 'in stretches, so that nothing waits for long')
  const total = Object.values(others).reduce((sum, calls) => sum + calls, 0)
  assert.ok(total < 20 * 15, JSON.stringify(others))
  assert.equal(others['lindex'], undefined)
})
