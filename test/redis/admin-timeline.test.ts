/** The timeline of a call or lane, and the search that leads to it; heartbeats. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewEvent } from '../../src/event/event.ts'
import { createLog } from '../../src/log.ts'
import { discardSelected, replaySelected } from '../../src/queue/actions.ts'
import { forgetHeartbeat, readProcesses, startHeartbeat, tellHeartbeat } from '../../src/queue/heartbeat.ts'
import { firstShard } from '../../src/queue/queues.ts'
import { search } from '../../src/queue/search.ts'
import { readCall, readTimeline, type Timeline } from '../../src/queue/timeline.ts'
import { deadJob, type World, world } from '../support/lanes.ts'
import { commandsOf, putAll, queuesOf, settled } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'
const labels = ({ events }: Timeline) => events.map(({ eventId }) => eventId.slice(0, -37))

/** An event of a call in which numbers take part. */
function withNumbers(
  w: World,
  callId: string,
  label: string,
  data: Record<string, string>,
  source = 'default',
): NewEvent {
  const event = w.event(`${source}/call:${callId}`, label)
  return { ...event, name: 'NewState', source, callId, data } as unknown as NewEvent
}

for (const shards of ['1', '4']) {
  test(`timeline with SHARDS=${shards}, of a call whose head is blocked, tells all of it`, async (t) => {
    const w = await world(t, { env: { DEAD_HEAD: 'block', SHARDS: shards }, script: { b: ['fail', 'dead'] } })
    w.work()
    const before = Date.now()
    await w.put(lane, 'a', 'b', 'c', 'd')
    await waitFor(async () => (await w.states(lane))['b'] === 'blocked')

    const call = await readCall(queuesOf(w), '1')

    assert.deepEqual(labels(call), ['a', 'b', 'c', 'd'])
    assert.deepEqual(
      call.events.map(({ state }) => state),
      ['completed', 'blocked', 'parked', 'parked'],
    )
    const { state, behind, earlier, later, source, callId, sources } = call
    assert.deepEqual(
      { state, behind, earlier, later, source, callId, sources },
      { state: 'blocked', behind: 2, earlier: 0, later: 0, source: 'default', callId: '1', sources: ['default'] },
    )
    assert.equal(call.head?.slice(0, -37), 'b')
    assert.ok(call.blockedSince! >= before)
    const [a, b, c] = call.events
    assert.deepEqual(
      b!.attempts.map(({ outcome, error }) => [outcome, error]),
      [
        ['retry', 'scripted failure'],
        ['dead', 'scripted death'],
      ],
    )
    assert.ok(a!.finishedAt! >= before && b!.finishedAt! >= before)
    for (const one of [a, b, c])
      assert.match((one!.event['raw'] as { query: string }).query, /^label=[abc]$/, 'parked or not')
  })
}

test('timeline, of an event that was replayed twice, is one entry with the attempts of all runs and the state of the latest', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'dead', 'fail', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  await settled(w)
  for (let turn = 0; turn < 2; turn += 1) {
    await replaySelected(queuesOf(w), { callId: '1' }, { who: 'x' })
    await settled(w)
  }

  const timeline = await readTimeline(queuesOf(w), lane)

  assert.deepEqual(labels(timeline), ['b', 'a'], 'in the order of their latest places')
  const [, a] = timeline.events
  assert.equal(a!.state, 'completed')
  assert.deepEqual(
    a!.attempts.map(({ outcome }) => outcome),
    ['dead', 'dead', 'retry', 'completed'],
  )
  assert.equal(timeline.state, 'completed')
})

test('timeline, of a replay that was discarded, tells of the first run, and that it is dead', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  w.work()
  await w.put(lane, 'a')
  await settled(w)
  await replaySelected(queuesOf(w), { all: true }, { who: 'x' })
  await settled(w)
  await discardSelected(queuesOf(w), { all: true }, { who: 'x' })

  const { events, state } = await readTimeline(queuesOf(w), lane)

  assert.deepEqual(
    events.map((event) => [event.state, event.attempts.length]),
    [['dead', 1]],
  )
  assert.equal(state, 'dead')
})

test('timeline, of a lane with hundreds parked, shows what is around its head; its stretches make up the whole lane', async (t) => {
  const w = await world(t, { script: { head: ['hang'] } })
  w.work()
  const before = Array.from({ length: 40 }, (_, index) => `before${index}`)
  const behind = Array.from({ length: 200 }, (_, index) => `behind${index}`)
  await w.put(lane, ...before, 'head', ...behind)
  await waitFor(() => w.labelsOf(lane).includes('head'))
  const queues = queuesOf(w)

  const around = await readTimeline(queues, lane, { limit: 40 })

  assert.deepEqual(labels(around), [...before.slice(-29), 'head', ...behind.slice(0, 10)])
  assert.deepEqual([around.earlier, around.later, around.behind, around.state], [11, 190, 200, 'active'])
  const earlier = await readTimeline(queues, lane, { before: around.events[0]!.sequence, limit: 40 })
  assert.deepEqual(labels(earlier), before.slice(0, 11))
  assert.deepEqual([earlier.earlier, earlier.later], [0, 230])
  assert.deepEqual([earlier.state, earlier.head], ['active', around.head], 'the state of the lane, not of the stretch')
  const later: string[] = []
  let last = around
  while (last.later > 0) {
    last = await readTimeline(queues, lane, { after: last.events.at(-1)!.sequence, limit: 70 })
    assert.ok(last.events.every(({ state, event }) => state === 'parked' && event['lane'] === lane))
    later.push(...labels(last))
  }
  assert.deepEqual(later, behind.slice(10))
})

test('timeline, of an event whose replay is parked far behind, has it there and not in its old place', async (t) => {
  const w = await world(t, { script: { a: ['dead'], head: ['hang'] } })
  w.work()
  await w.put(lane, 'a', 'b', 'head', ...Array.from({ length: 100 }, () => 'behind'))
  await waitFor(() => w.labelsOf(lane).includes('head'))
  await replaySelected(queuesOf(w), { all: true }, { who: 'x' })

  const around = await readTimeline(queuesOf(w), lane, { limit: 20 })
  const [a] = (await readTimeline(queuesOf(w), lane, { after: around.events.at(-1)!.sequence })).events.slice(-1)

  assert.deepEqual(labels(around).slice(0, 2), ['b', 'head'])
  assert.equal(a!.eventId.slice(0, -37), 'a')
  assert.deepEqual([a!.state, a!.attempts.length], ['parked', 1])
})

test('timeline, of a lane with thousands parked, does not read them', async (t) => {
  const { url } = await startRedis(t)
  const w = await world(t, { url })
  await w.put(lane, 'head')
  await putAll(
    w,
    Array.from({ length: 3_000 }, () => ({ lane, label: 'a' })),
  )
  const queues = queuesOf(w)

  const commands = await commandsOf(w.redis, () => readTimeline(queues, lane))

  const total = Object.values(commands).reduce((sum, calls) => sum + calls, 0)
  assert.ok(total < 500, JSON.stringify(commands))
})

test('timeline, of what nobody knows, is empty', async (t) => {
  const w = await world(t)

  const { events, state, sources } = await readCall(queuesOf(w), 'nobody')

  assert.deepEqual([events, state, sources], [[], null, []])
})

test('two PBXs with the same call id, are told apart: the latest is shown, the other is named and can be asked for', async (t) => {
  const w = await world(t, { env: { SOURCES: 'tehran,shiraz', SHARDS: '4' } })
  w.work()
  await w.put('tehran/call:1', 'a')
  await w.put('shiraz/call:1', 'b')
  await settled(w)

  const latest = await readCall(queuesOf(w), '1')
  const other = await readCall(queuesOf(w), '1', { source: 'tehran' })

  assert.deepEqual([latest.source, labels(latest), latest.sources], ['shiraz', ['b'], ['shiraz', 'tehran']])
  assert.deepEqual([other.source, labels(other)], ['tehran', ['a']])
  assert.deepEqual(
    (await search(queuesOf(w), '1')).map(({ source, callId }) => [source, callId]),
    [
      ['shiraz', '1'],
      ['tehran', '1'],
    ],
  )
})

test('search, by a number in any spelling, an extension, a call id, a lane or an event id, finds the calls, latest first', async (t) => {
  const w = await world(t, { env: { SHARDS: '4' }, script: { b: ['dead'] } })
  w.work()
  const event = withNumbers(w, '1700000000.1', 'a', { participant: '09121234567', exten: '991' })
  await w.lanes.enqueue(event)
  await settled(w)
  await w.lanes.enqueue(withNumbers(w, '1700000000.2', 'b', { exten: '991' }))
  await settled(w)
  const found = async (query: string) => (await search(queuesOf(w), query)).map(({ callId }) => callId)

  for (const number of [
    '09121234567',
    '+989121234567',
    '00989121234567',
    '۰۹۱۲۱۲۳۴۵۶۷',
    '٠٩١٢١٢٣٤٥٦٧',
    '0912 123 4567',
  ])
    assert.deepEqual(await found(number), ['1700000000.1'], number)
  assert.deepEqual(await found(' 991 '), ['1700000000.2', '1700000000.1'])
  assert.deepEqual(await found('1700000000.2'), ['1700000000.2'])
  assert.deepEqual(await found('default/call:1700000000.1'), ['1700000000.1'])
  assert.deepEqual(await found(event.eventId), ['1700000000.1'])
  for (const query of ['', '  ', '12', '09120000000', 'a/b', '../..', '*', '\u0000'])
    assert.deepEqual(await found(query), [], query)
  const [second, first] = await search(queuesOf(w), '991')
  assert.deepEqual([first!.state, first!.events, second!.state], ['completed', 1, 'dead'])
  assert.ok(first!.firstAt <= second!.firstAt && first!.lastAt >= first!.firstAt)
  assert.deepEqual((await search(queuesOf(w), '991', 1)).length, 1)
})

test('search, for an event that waits, finds its call by its id; a call without numbers too', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  await w.put('default/call:1', 'waits')
  assert.deepEqual(
    (await search(queuesOf(w), '1')).map(({ state }) => state),
    ['waiting'],
  )

  w.work()
  await w.put('default/exten:992', 'a', 'b')
  await deadJob(w, 'a')

  const [found] = await search(queuesOf(w), '992')
  assert.deepEqual([found!.lane, found!.callId, found!.state, found!.events], ['default/exten:992', null, 'blocked', 2])
})

test('heartbeats, of several processes, are read with their age; one that stops is forgotten, one that vanished is not', async (t) => {
  const w = await world(t)
  const queues = queuesOf(w)
  const first = firstShard(queues)
  const beat = (id: string, startedAt: number) => ({
    kind: 'worker' as const,
    id,
    version: '1.2.3',
    startedAt,
    active: 3,
  })
  await tellHeartbeat(w.redis, first, beat('b', 2))
  await tellHeartbeat(w.redis, first, beat('a', 1))
  await tellHeartbeat(w.redis, first, {
    kind: 'ingress',
    id: 'c',
    version: '1',
    startedAt: 3,
    ackP99Ms: 4,
    spool: { events: 0 },
  })

  const all = await readProcesses(queues)
  assert.deepEqual(
    all.map(({ id, isAlive }) => [id, isAlive]),
    [
      ['c', true],
      ['a', true],
      ['b', true],
    ],
  )
  assert.deepEqual([all[0]!.ackP99Ms, all[0]!.spool, all[1]!.active], [4, { events: 0 }, 3])

  await forgetHeartbeat(w.redis, first, 'a')
  const minuteAgo = Number(await w.redis.zscore(first.alive, 'b')) - 60_000
  await w.redis.zadd(first.alive, minuteAgo, 'b')
  const later = await readProcesses(queues)
  assert.deepEqual(
    later.map(({ id, isAlive }) => [id, isAlive]),
    [
      ['c', true],
      ['b', false],
    ],
  )
  assert.ok(later[1]!.silentMs >= 60_000)

  await w.redis.zadd(first.alive, minuteAgo - 3_600_000, 'b')
  await w.redis.hset(first.heartbeats, 'd', 'something else')
  await w.redis.zadd(first.alive, minuteAgo, 'd')
  await tellHeartbeat(w.redis, first, beat('a', 1))
  assert.deepEqual(
    (await readProcesses(queues)).map(({ id }) => id),
    ['c', 'a'],
  )
  assert.equal(await w.redis.hexists(first.heartbeats, 'b'), 0)

  await w.redis.zadd(first.alive, minuteAgo - 3_600_000, 'c')
  await tellHeartbeat(w.redis, first, beat('a', 1), false)
  assert.equal(await w.redis.hexists(first.heartbeats, 'c'), 1)
  assert.ok((await w.redis.pttl(first.alive)) > 0 && (await w.redis.pttl(first.heartbeats)) > 0)
})

test('a heartbeat that is started, tells at once and again, and is gone after its stop', async (t) => {
  const w = await world(t)
  let active = 0
  const heartbeat = startHeartbeat({
    redis: w.config.redis,
    keys: w.config.keys,
    log: createLog({ level: 'silent' }),
    everyMs: 20,
    describe: () => {
      active += 1
      return { kind: 'worker', id: 'me', version: '1', startedAt: 1, active }
    },
  })
  t.after(() => heartbeat.stop())

  const seen = await waitFor(async () => (await readProcesses(queuesOf(w)))[0])
  await waitFor(async () => ((await readProcesses(queuesOf(w)))[0]?.active ?? 0) > seen.active! + 2)
  await heartbeat.stop()

  assert.deepEqual(await readProcesses(queuesOf(w)), [])
})

test('a heartbeat while Redis is away, troubles nobody, and goes on when it is back', async (t) => {
  const server = await startRedis(t)
  const w = await world(t, { url: server.url })
  const heartbeat = startHeartbeat({
    redis: w.config.redis,
    keys: w.config.keys,
    log: createLog({ level: 'silent' }),
    everyMs: 20,
    describe: () => ({ kind: 'worker', id: 'me', version: '1', startedAt: 1 }),
  })
  t.after(() => heartbeat.stop())
  await waitFor(async () => (await readProcesses(queuesOf(w))).length === 1)

  server.kill('SIGKILL')
  await server.died()
  await server.restart()
  await waitFor(() => w.redis.status === 'ready')
  await w.redis.del(w.keys.alive, w.keys.heartbeats)

  await waitFor(async () => (await readProcesses(queuesOf(w))).length === 1)
})
