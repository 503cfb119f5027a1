/** Dead letters, listed: newest first, page by page, filtered, grouped by error; and what a page costs. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Outcome } from '../../src/event/outcome.ts'
import { type DeadLetter, type PageOptions, readDeadLetters } from '../../src/queue/dead-letters.ts'
import { errorGroupsOf, groupOf } from '../../src/queue/error-groups.ts'
import type { DeadFilter } from '../../src/queue/select.ts'
import { deadJob, discardJob, replayJob, type World, type WorldOptions, world } from '../support/lanes.ts'
import { commandsOf, putAll, queuesOf, settled } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'

const dead = (error: string): Outcome => ({ status: 'dead', error })
const labels = (letters: readonly DeadLetter[]) => letters.map(({ eventId }) => eventId.slice(0, -37))

/** `count` dead letters, each in a call of its own, dead in the order of their numbers. */
async function worldOfDead(t: TestContext, count: number, options: WorldOptions = {}): Promise<World> {
  const names = Array.from({ length: count }, (_, index) => `e${index}`)
  const script = Object.fromEntries(names.map((name) => [name, ['dead' as const]]))
  const w = await world(t, { ...options, script: { ...script, ...options.script } })
  w.work({ concurrency: 1 })
  for (const name of names) {
    await w.put(`default/call:${name}`, name)
    await settled(w)
  }
  return w
}

/** All pages, by their labels. */
async function pages(w: World, filter: DeadFilter, options: PageOptions): Promise<string[][]> {
  const all: string[][] = []
  let cursor: string | undefined
  do {
    const page = await readDeadLetters(queuesOf(w), filter, { ...options, cursor })
    all.push(labels(page.dead))
    cursor = page.cursor
  } while (cursor !== undefined && all.length < 1_000)
  return all
}

for (const shards of ['1', '4']) {
  test(`dead letters with SHARDS=${shards}, in pages, come newest first and each once`, async (t) => {
    const w = await worldOfDead(t, 10, { env: { SHARDS: shards } })

    assert.deepEqual(await pages(w, {}, { limit: 4 }), [
      ['e9', 'e8', 'e7', 'e6'],
      ['e5', 'e4', 'e3', 'e2'],
      ['e1', 'e0'],
    ])
  })
}

test('dead letters, many of which died in one millisecond, are paged without one twice or missing', async (t) => {
  const w = await worldOfDead(t, 30)
  for (const jobId of await w.redis.zrange(w.keys.failed, '0', '-1')) await w.redis.zadd(w.keys.failed, 1_000, jobId)

  const all = await pages(w, {}, { limit: 7 })

  assert.deepEqual(
    all.map(({ length }) => length),
    [7, 7, 7, 7, 2],
  )
  assert.equal(new Set(all.flat()).size, 30)
})

test('dead letters, hundreds in four shards of which one has all the newest, come newest first and each once', async (t) => {
  const w = await world(t, { env: { SHARDS: '4' }, script: { a: ['dead'] } })
  const worker = w.work()
  await putAll(
    w,
    Array.from({ length: 500 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)
  const expected: string[] = []
  for (const { shard, failed } of queuesOf(w).shards) {
    const jobIds = await w.redis.zrange(failed, '0', '-1')
    for (const [index, jobId] of jobIds.entries()) await w.redis.zadd(failed, 10_000 * (4 - shard) - index, jobId)
    expected.push(...jobIds)
  }

  const all: string[] = []
  let cursor: string | undefined
  do {
    const page = await readDeadLetters(queuesOf(w), {}, { limit: 90, cursor })
    all.push(...page.dead.map(({ jobId }) => jobId))
    cursor = page.cursor
  } while (cursor !== undefined)

  assert.deepEqual(all, expected)
})

test('a dead letter, as it is listed, tells its event with the raw webhook, its error, its attempts and when it died', async (t) => {
  const w = await world(t, { script: { a: ['fail', dead('CRM answered 422')] } })
  w.work()
  const before = Date.now()
  await w.lanes.enqueue({ ...w.event('default/call:1', 'a'), callId: '1' })
  await deadJob(w, 'a')

  const [letter] = (await readDeadLetters(queuesOf(w))).dead

  const { name, lane, callId, attempts, error, deadAt, event } = letter!
  assert.deepEqual(
    { name, lane, callId, attempts, error },
    { name: 'Unknown', lane: 'default/call:1', callId: '1', attempts: 2, error: 'CRM answered 422' },
  )
  assert.ok(deadAt >= before && deadAt <= Date.now() + 1_000)
  assert.equal((event['raw'] as { query: string }).query, 'label=a')
})

test('dead letters, filtered, are those of the call in any source, the lane, the event, the error, or all of these', async (t) => {
  const w = await world(t, {
    env: { SOURCES: 'tehran', SHARDS: '4' },
    script: {
      a: [dead('CRM answered 503')],
      b: [dead('CRM answered 422')],
      c: [dead('no such customer')],
      d: [dead('CRM answered 503')],
    },
  })
  w.work({ concurrency: 1 })
  const put = async (lane: string, label: string) => {
    await w.put(lane, label)
    await settled(w)
  }
  await put('default/call:1', 'a')
  await put('tehran/call:1', 'b')
  await put('default/exten:991', 'c')
  await put('default/call:2', 'd')
  const list = async (filter: DeadFilter) => labels((await readDeadLetters(queuesOf(w), filter)).dead)

  assert.deepEqual(await list({ callId: '1' }), ['b', 'a'])
  assert.deepEqual(await list({ lane: 'tehran/call:1' }), ['b'])
  assert.deepEqual(await list({ lane: 'default/exten:991' }), ['c'])
  assert.deepEqual(await list({ event: 'Unknown' }), ['d', 'c', 'b', 'a'])
  assert.deepEqual(await list({ event: 'Cdr' }), [])
  assert.deepEqual(await list({ error: 'answered' }), ['d', 'b', 'a'])
  assert.deepEqual(await list({ group: 'CRM answered #' }), ['d', 'b', 'a'])
  assert.deepEqual(await list({ error: '503', callId: '1' }), ['a'])
  assert.deepEqual(await list({ callId: '1', lane: 'default/call:2' }), [])
  assert.deepEqual(await list({ callId: 'nobody' }), [])
  const [a] = (await readDeadLetters(queuesOf(w), { error: '503', callId: '1' })).dead
  assert.deepEqual(await list({ eventId: a!.eventId }), ['a'])
})

test('a dead letter, once replayed or discarded, is listed no more; dead again it is there with its first event id', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'dead'], b: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a', 'b')
  const [a, b] = [await deadJob(w, 'a', 2), await deadJob(w, 'b', 2)]

  await discardJob(w, b)
  await replayJob(w, a)
  await w.emptied()

  const { dead: letters } = await readDeadLetters(queuesOf(w), { eventId: a })
  assert.deepEqual(
    letters.map(({ jobId, eventId }) => [jobId, eventId]),
    [[`${a}~2`, a]],
  )
  assert.deepEqual(labels((await readDeadLetters(queuesOf(w))).dead), ['a'])
})

test('a cursor that is none, begins anew', async (t) => {
  const w = await worldOfDead(t, 1)

  assert.deepEqual(labels((await readDeadLetters(queuesOf(w), {}, { cursor: 'no such thing' })).dead), ['e0'])
})

for (const [error, group] of [
  ['CRM answered 503', 'CRM answered #'],
  ['timeout of 30000 ms, after 12.5s', 'timeout of # ms, after #s'],
  ["no customer 'Ali' in “CRM”", 'no customer "…" in "…"'],
  ["can't reach 10.0.0.1:443", "can't reach #"],
  ['number 0912*****01 unknown', 'number # unknown'],
  ['شماره ۰۹۱۲۳۴۵ نیست', 'شماره # نیست'],
  ['event 0197f3a2-7c1e-7000-8000-000000000001 at 2026-11-25T10:00:00Z', 'event # at #Z'],
  ['hash deadbeef01 of 0xFF', 'hash # of #'],
  ['first line\n  at stack (file.ts:1:2)', 'first line'],
  ['', ''],
] as const) {
  test(`the group of the error ${JSON.stringify(error)}, is ${JSON.stringify(group)}`, () => {
    assert.equal(groupOf(error), group)
    assert.equal(groupOf(groupOf(error)), group, 'a group is its own group')
  })
}

test('errors, of many dead letters, are grouped with count, first and last; read once, they are not read again', async (t) => {
  const { url } = await startRedis(t)
  const script = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`s${index}`, [dead(`CRM answered ${500 + index}`)]]),
  )
  const w = await world(t, { url, env: { SHARDS: '4' }, script: { ...script, other: [dead('no such customer')] } })
  const worker = w.work()
  await putAll(
    w,
    [...Object.keys(script), 'other'].map((label) => ({ lane: `default/call:${label}`, label })),
  )
  await settled(w)
  await worker.drain(5_000)
  const groups = errorGroupsOf(queuesOf(w))

  const { groups: first, grouped, dead: all } = await groups()

  assert.deepEqual(
    first.map(({ group, count, events }) => [group, count, events]),
    [
      ['CRM answered #', 12, ['Unknown']],
      ['no such customer', 1, ['Unknown']],
    ],
  )
  assert.ok(first.every(({ firstAt, lastAt }) => firstAt > 0 && firstAt <= lastAt))
  assert.match(first[0]!.error, /^CRM answered 5\d\d$/)
  assert.deepEqual([grouped, all], [13, 13])
  const again = await commandsOf(w.redis, groups)
  assert.equal(again['hmget'], undefined, 'a dead letter does not change')
  assert.deepEqual((await errorGroupsOf(queuesOf(w), { limit: 4 })()).dead, 13)
})

test('a page, of a filter that fits one of thousands, looks at so many and no more, and goes on from there', async (t) => {
  const { url } = await startRedis(t)
  const w = await world(t, { url, script: { a: [dead('CRM answered 503')], b: [dead('the one')] } })
  const worker = w.work()
  await w.put('default/call:the-one', 'b')
  await settled(w)
  await putAll(
    w,
    Array.from({ length: 2_500 }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)
  const queues = queuesOf(w)

  const commands = await commandsOf(w.redis, async () => {
    const page = await readDeadLetters(queues, { error: 'the one' })
    assert.deepEqual(page.dead, [])
    assert.notEqual(page.cursor, undefined)
  })
  assert.ok(commands['hmget']! <= 1_250, `${commands['hmget']}`)
  assert.equal((await pages(w, { error: 'the one' }, {})).flat().join(), 'b')
  const direct = await commandsOf(w.redis, async () => {
    assert.deepEqual(labels((await readDeadLetters(queues, { callId: 'the-one' })).dead), ['b'])
  })
  assert.ok(direct['hmget']! <= 2, 'a call is looked up in its own record')
  const first = await commandsOf(w.redis, () => readDeadLetters(queues))
  assert.ok(first['hmget']! <= 300, `${first['hmget']}`)
})
