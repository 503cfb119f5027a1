/** What operators do: replay and discard by selector, in order, once, with a record. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../src/event/outcome.ts'
import { discardSelected, readActions, replaySelected } from '../../src/queue/actions.ts'
import { readDeadLetters } from '../../src/queue/dead-letters.ts'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts } from '../../src/queue/fused/commands.ts'
import type { Selector } from '../../src/queue/select.ts'
import { deadJob, type Step, type World, world } from '../support/lanes.ts'
import { commandsOf, putAll, queuesOf, settled } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const who = 'operator'
const labels = (eventIds: readonly string[]) => eventIds.map((eventId) => eventId.slice(0, -37))
const dead = (error: string): Outcome => ({ status: 'dead', error })
const deadCount = async (w: World) =>
  (await readDeadLetters(queuesOf(w), {}, { limit: 1_000, maxLooked: 10_000 })).dead.length

for (const shards of ['1', '4']) {
  test(`replay of all with SHARDS=${shards}, runs each lane's dead letters oldest first, and all of them once`, async (t) => {
    const lanes = ['default/call:1', 'default/call:2', 'default/call:3']
    const w = await world(t, {
      env: { SHARDS: shards },
      script: {
        a: ['dead', 'dead', 'dead', 'ok'],
        b: ['dead', 'dead', 'dead', 'ok'],
        c: ['dead', 'dead', 'dead', 'ok'],
      },
    })
    w.work()
    for (const lane of lanes) await w.put(lane, 'a', 'b', 'c')
    await settled(w)
    w.starts.length = 0

    const dry = await replaySelected(queuesOf(w), { all: true }, { who, isDryRun: true })
    assert.equal(await deadCount(w), 9, 'a dry run changes nothing')
    const { eventIds, planned, isComplete } = await replaySelected(queuesOf(w), { all: true }, { who })
    await settled(w)

    assert.deepEqual([eventIds.length, planned, isComplete], [9, 9, true])
    assert.deepEqual(dry.eventIds, eventIds, 'it says what is done, in the order in which it is done')
    for (const lane of lanes) assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
    assert.equal(await deadCount(w), 0)
  })
}

test('replay of a call, whose head is blocked, takes the head first and the older ones behind its followers', async (t) => {
  const steps: Record<string, Step[]> = { a: ['dead', 'ok'], b: ['dead', 'ok'], c: ['dead', 'ok'] }
  const w = await world(t, { script: steps })
  const first = w.work()
  await w.put('default/call:1', 'a', 'b')
  await deadJob(w, 'b', 2)
  await first.drain(5_000)
  w.work({ lanes: { ...w.config.lanes, deadHead: 'block' } })
  await w.put('default/call:1', 'c', 'd')
  await waitFor(async () => (await w.states('default/call:1'))['c'] === 'blocked')
  w.starts.length = 0

  const { eventIds } = await replaySelected(queuesOf(w), { callId: '1' }, { who })
  await settled(w)

  assert.deepEqual(labels(eventIds), ['c', 'a', 'b'])
  assert.deepEqual(w.labelsOf('default/call:1'), ['c', 'd', 'a', 'b'])
})

test('replay by a part of the error, its group, the lane or the event id, takes these and leaves the rest', async (t) => {
  const w = await world(t, {
    env: { SOURCES: 'tehran', SHARDS: '4' },
    script: Object.fromEntries(
      Object.entries({
        a: 'CRM answered 503',
        b: 'CRM answered 422',
        c: 'no customer',
        d: 'no customer',
        e: 'no line',
      }).map(([label, error]) => [label, [dead(error), { status: 'completed' }]]),
    ),
  })
  w.work()
  await w.put('default/call:1', 'a', 'b')
  await w.put('tehran/call:1', 'c')
  await w.put('default/exten:991', 'd', 'e')
  await settled(w)
  const replayed = async (selector: Selector) =>
    labels((await replaySelected(queuesOf(w), selector, { who })).eventIds).sort()
  const { dead: letters } = await readDeadLetters(queuesOf(w))
  const e = letters.find(({ error }) => error === 'no line')!

  assert.deepEqual(await replayed({ error: '422' }), ['b'])
  assert.deepEqual(await replayed({ group: 'CRM answered #' }), ['a'])
  assert.deepEqual(await replayed({ lane: 'default/exten:991', error: 'customer' }), ['d'])
  assert.deepEqual(await replayed({ eventId: e.eventId }), ['e'])
  assert.deepEqual(await replayed({ eventId: e.eventId }), [], 'it is no dead letter any more')
  assert.deepEqual(await replayed({ callId: '1' }), ['c'])
  await settled(w)
  assert.equal(await deadCount(w), 0)
})

for (const selector of [{}, { all: false }, { error: '' }, { all: true, callId: '1' }]) {
  test(`replay and discard by ${JSON.stringify(selector)}, are refused and touch nothing`, async (t) => {
    const w = await world(t, { script: { a: ['dead'] } })
    w.work()
    await w.put('default/call:1', 'a')
    await deadJob(w, 'a')

    for (const act of [replaySelected, discardSelected])
      await assert.rejects(act(queuesOf(w), selector, { who }), { code: 'BRIDGE_BAD_REQUEST' })

    assert.equal(await deadCount(w), 1)
    assert.deepEqual(await readActions(queuesOf(w)), [])
  })
}

test('two operators, who replay all at once, replay each dead letter once between them', async (t) => {
  const names = Array.from({ length: 40 }, (_, index) => `e${index}`)
  const w = await world(t, {
    env: { SHARDS: '4' },
    script: Object.fromEntries(names.map((name) => [name, ['dead', 'ok']])),
  })
  w.work()
  await putAll(
    w,
    names.map((label, index) => ({ lane: `default/call:${index % 8}`, label })),
  )
  await settled(w)

  const both = await Promise.all(
    ['one', 'two'].map((name) => replaySelected(queuesOf(w), { all: true }, { who: name })),
  )
  await settled(w)

  const done = both.flatMap(({ eventIds }) => eventIds)
  assert.equal(done.length, 40)
  assert.equal(new Set(done).size, 40)
  for (const name of names) assert.equal(w.starts.filter(({ label }) => label === name).length, 2)
})

test('replay of what dies again at once, ends, and leaves it dead', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  w.work()
  await putAll(
    w,
    Array.from({ length: 30 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)

  const { eventIds } = await replaySelected(queuesOf(w), { all: true }, { who })
  await settled(w)

  assert.equal(eventIds.length, 30)
  assert.equal(await deadCount(w), 30)
  assert.equal(w.starts.length, 60)
})

test('discard of a call, whose head is blocked, gives it up and lets the lane go on', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block', SHARDS: '4' }, script: { a: ['dead'], other: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a', 'b')
  await w.put('default/call:2', 'other')
  await waitFor(async () => (await deadCount(w)) === 2)

  const dry = await discardSelected(queuesOf(w), { callId: '1' }, { who, isDryRun: true })
  const { eventIds } = await discardSelected(queuesOf(w), { callId: '1' }, { who })
  await waitFor(() => w.labelsOf('default/call:1').includes('b'))

  assert.deepEqual(labels(dry.eventIds), ['a'])
  assert.deepEqual(labels(eventIds), ['a'])
  assert.equal(await deadCount(w), 1)
})

test('a long replay, told to stop, stops after what is under way, tells how far it came, and goes on when asked again', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  const worker = w.work()
  await putAll(
    w,
    Array.from({ length: 100 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)
  const stop = new AbortController()
  const told: number[] = []

  const { eventIds, planned, isComplete } = await replaySelected(
    queuesOf(w),
    { all: true },
    {
      who,
      signal: stop.signal,
      progress: (done, of) => {
        told.push(done)
        assert.equal(of, 100)
        if (done === 10) stop.abort()
      },
    },
  )

  assert.equal(isComplete, false)
  assert.equal(planned, 100)
  assert.ok(eventIds.length >= 10 && eventIds.length < 100, `${eventIds.length}`)
  assert.deepEqual(
    told,
    Array.from({ length: told.length }, (_, index) => index + 1),
  )
  const [action] = await readActions(queuesOf(w))
  assert.deepEqual([action!.done, action!.isComplete], [eventIds.length, false])
  const rest = await replaySelected(queuesOf(w), { all: true }, { who })
  assert.equal(rest.eventIds.length, 100 - eventIds.length)
})

test('actions, replays and discards, are recorded with who, when, what and how many; a dry run and an empty one are not', async (t) => {
  const w = await world(t, { script: { a: ['dead'], b: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a', 'b')
  await deadJob(w, 'b', 2)
  const before = Date.now()

  await replaySelected(queuesOf(w), { all: true }, { who: 'x', isDryRun: true })
  await replaySelected(queuesOf(w), { error: 'no such error' }, { who: 'x' })
  await replaySelected(queuesOf(w), { callId: '1', error: 'scripted' }, { who: 'maryam' })
  await settled(w)
  await discardSelected(queuesOf(w), { all: true }, { who: 'cli:ali@host' })

  const actions = await readActions(queuesOf(w))
  assert.deepEqual(
    actions.map(({ id: _, at: __, ...rest }) => rest),
    [
      {
        who: 'cli:ali@host',
        what: 'discard',
        selector: { all: true },
        planned: 2,
        done: 2,
        isComplete: true,
        error: undefined,
      },
      {
        who: 'maryam',
        what: 'replay',
        selector: { callId: '1', error: 'scripted' },
        planned: 2,
        done: 2,
        isComplete: true,
        error: undefined,
      },
    ],
  )
  assert.ok(actions.every(({ at }) => at >= before - 1_000 && at <= Date.now() + 1_000))
  assert.deepEqual(
    (await readActions(queuesOf(w), 1)).map(({ what }) => what),
    ['discard'],
  )
})

test('an action whose process died in the middle, stands in the record as not ended', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a')
  await deadJob(w, 'a')
  await replaySelected(queuesOf(w), { all: true }, { who })
  // The second line, which says how it ended, was never written.
  await w.redis.lpop(w.keys.actions)

  const [action] = await readActions(queuesOf(w))

  assert.deepEqual([action!.who, action!.planned, action!.done, action!.isComplete], [who, 1, undefined, false])
})

test('the record of actions, however many there are, holds so many and no more', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a')
  await deadJob(w, 'a')
  await w.redis.rpush(w.keys.actions, ...Array.from({ length: 1_500 }, () => 'something else'))

  await replaySelected(queuesOf(w), { all: true }, { who })

  assert.equal(await w.redis.llen(w.keys.actions), 1_000)
  assert.deepEqual(
    (await readActions(queuesOf(w))).map(({ done }) => done),
    [1],
  )
})

test('replay, when Redis goes away in the middle, says how far it came, and the rest is as it was', async (t) => {
  const server = await startRedis(t)
  const w = await world(t, { url: server.url, script: { a: ['dead'] } })
  const worker = w.work()
  await putAll(
    w,
    Array.from({ length: 60 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)
  const impatient = w.redis.duplicate({ maxRetriesPerRequest: 0, enableOfflineQueue: false, retryStrategy: () => 50 })
  impatient.on('error', () => {})
  t.after(() => impatient.disconnect())
  defineScripts(impatient, checkedScripts())
  await waitFor(() => impatient.status === 'ready')

  const action = replaySelected(
    { ...queuesOf(w), redis: impatient },
    { all: true },
    {
      who,
      progress: (done) => {
        if (done === 5) server.kill('SIGKILL')
      },
    },
  )
  await assert.rejects(action, { code: 'BRIDGE_REDIS_UNAVAILABLE', message: /after \d+ of 60 dead letters/ })

  await server.died()
  await server.restart()
  await waitFor(() => w.redis.status === 'ready')
  const left = await deadCount(w)
  assert.ok(left >= 60 - 5 - 16 && left <= 55, `${left}`)
  const { eventIds } = await replaySelected(queuesOf(w), { all: true }, { who })
  assert.equal(eventIds.length, left)
})

test('replay of one call among thousands of dead letters, does not go through them', async (t) => {
  const { url } = await startRedis(t)
  const w = await world(t, { url, script: { a: ['dead'] } })
  const worker = w.work()
  await putAll(
    w,
    Array.from({ length: 1_500 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)

  const commands = await commandsOf(w.redis, async () => {
    const { eventIds } = await replaySelected(queuesOf(w), { callId: '7' }, { who, isDryRun: true })
    assert.equal(eventIds.length, 1)
  })

  assert.ok((commands['hmget'] ?? 0) <= 2, JSON.stringify(commands))
  assert.equal(commands['zrangebyscore'], undefined)
})
