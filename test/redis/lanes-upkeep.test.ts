/** Lanes, told as stories: what is kept and what goes, with the clock of the upkeep in the hand of the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { runTrim } from '../../src/queue/fused/commands.ts'
import { startUpkeep } from '../../src/queue/upkeep.ts'
import { deadJob, record, replayJob, upkeep, world } from '../support/lanes.ts'
import { atEnd, startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/exten:991'
const hour = 3_600_000
const quiet = { log: createLog({ level: 'silent' }) }
const inHours = (hours: number) => () => Date.now() + hours * hour

test('trim, of completed events older than the retention, removes them and their places', async (t) => {
  const w = await world(t)
  const worker = w.work()
  await w.put(lane, 'a', 'b')
  await w.emptied()
  await worker.drain(5_000)

  const early = await (await upkeep(t, w, { now: inHours(23) })).pass()
  assert.equal(early.trimmed, 0)
  const late = await (await upkeep(t, w, { now: inHours(25) })).pass()

  assert.equal(late.trimmed, 2)
  assert.deepEqual(await record(w, lane), [])
  const keys = await w.redis.keys(`${w.keys.base}:*a-*`)
  assert.deepEqual(keys, [], 'nothing of the event is left')
})

test('trim, at the end of time, never takes a dead letter', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  const worker = w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')
  await w.emptied()
  await worker.drain(5_000)

  await (await upkeep(t, w, { now: inHours(24 * 365) })).pass()

  assert.deepEqual(await w.states(lane), { a: 'dead' })
  assert.deepEqual(await record(w, lane), [jobId])
})

test('trim, of a dead letter that was replayed, removes it like a completed event', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'ok'] } })
  const worker = w.work()
  await w.put(lane, 'a')
  await replayJob(w, await deadJob(w, 'a'))
  await waitFor(() => w.labelsOf(lane).length === 2)
  await w.emptied()
  await worker.drain(5_000)

  const { trimmed } = await (await upkeep(t, w, { now: inHours(25) })).pass()

  assert.equal(trimmed, 2)
  assert.deepEqual(await record(w, lane), [])
})

test('trim, with RETENTION_MAX_EVENTS below what is there, takes the oldest, but none younger than 15 minutes', async (t) => {
  const w = await world(t, { env: { RETENTION_MAX_EVENTS: '2' } })
  const worker = w.work()
  await w.put(lane, 'a', 'b', 'c', 'd', 'e')
  await w.emptied()
  await worker.drain(5_000)

  const young = await (await upkeep(t, w, { now: () => Date.now() + 14 * 60_000 })).pass()
  assert.equal(young.trimmed, 0)
  await (await upkeep(t, w, { now: () => Date.now() + 16 * 60_000 })).pass()

  assert.deepEqual(await w.states(lane), { d: 'completed', e: 'completed' })
})

test('an event, within 15 minutes of its completion, is known whatever the retention; so its repeat is no second event', async (t) => {
  const w = await world(t, { env: { RETENTION_MAX_EVENTS: '0', RETENTION_HOURS: '1' } })
  w.work()
  const event = w.event(lane, 'a')
  await w.lanes.enqueue(event)
  await w.emptied()

  await (await upkeep(t, w, { now: () => Date.now() + 14 * 60_000 })).pass()

  assert.equal((await w.lanes.enqueue(event)).isNew, false)
})

test('trim, of a head that a foreign worker finished, leaves it to the sweep', async (t) => {
  const w = await world(t)
  await w.put(lane, 'a', 'b')
  const jobId = (await w.redis.hget(w.keys.heads, lane)) ?? ''
  await w.redis.lrem(`${w.keys.base}:events:wait`, 1, jobId)
  await w.redis.zadd(w.keys.completed, 1, jobId)

  const removed = await runTrim(w.redis, w.keys, { set: w.keys.completed, before: Date.now(), limit: 10, keep: -1 })

  assert.equal(removed, 0)
  assert.equal(await w.redis.exists(w.keys.job(jobId)), 1)
})

test('a lane that never ends, keeps a bounded record while its head and followers stay', async (t) => {
  const w = await world(t, { script: { last: ['hang'] } })
  w.work()
  await w.put(lane, ...Array.from({ length: 30 }, (_, index) => `e${index}`), 'last', 'behind')
  await waitFor(() => w.labelsOf(lane).includes('last'))

  await (await upkeep(t, w, { now: inHours(25) })).pass()

  assert.deepEqual(await w.states(lane), { last: 'active', behind: 'parked' })
})

test('a head put off for longer than the retention, keeps its place, its followers and its record', async (t) => {
  const w = await world(t, {
    env: { RETENTION_HOURS: '1' },
    script: { a: [{ status: 'later', delayMs: 10 * hour, cause: 'asked', error: 'busy' }, 'ok'] },
  })
  w.work()
  await w.put(lane, 'a', 'b')
  await waitFor(async () => (await w.states(lane))['a'] === 'delayed')

  await (await upkeep(t, w, { now: inHours(9) })).pass()

  assert.deepEqual(await w.states(lane), { a: 'delayed', b: 'parked' })
  assert.equal((await record(w, lane)).length, 2)
})

test('prune, of ids whose jobs were removed from outside, waits until the lane is empty and old', async (t) => {
  const w = await world(t)
  const worker = w.work()
  await w.put(lane, 'a')
  await w.emptied()
  await worker.drain(5_000)
  const [jobId = ''] = await record(w, lane)
  await w.redis.del(w.keys.job(jobId))
  await w.redis.zrem(w.keys.completed, jobId)
  const walk = async (now: () => number) => {
    const walker = await upkeep(t, w, { now })
    await waitFor(async () => {
      await walker.pass()
      return (await record(w, lane)).length === 0
    })
  }

  await (await upkeep(t, w)).pass()
  assert.deepEqual(await record(w, lane), [jobId])
  await walk(inHours(25))
})

test('from 80 % of the memory on, the oldest completed events go early, and it is said', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const worker = w.work()
  await w.put(lane, 'a', 'b')
  await w.emptied()
  await worker.drain(5_000)
  const used = Number(/used_memory:(\d+)/.exec(await w.redis.info('memory'))?.[1])
  await w.redis.config('SET', 'maxmemory', String(Math.round(used * 1.1)))

  const { trimmed } = await (await upkeep(t, w, { now: () => Date.now() + 16 * 60_000 })).pass()

  assert.equal(trimmed, 2)
})

test('a memory that is full already, is trimmed all the same', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const worker = w.work()
  await w.put(lane, ...Array.from({ length: 50 }, (_, index) => `e${index}`))
  await w.emptied()
  await worker.drain(5_000)
  const used = Number(/used_memory:(\d+)/.exec(await w.redis.info('memory'))?.[1])
  await w.redis.config('SET', 'maxmemory', String(Math.round(used * 0.9)))
  await assert.rejects(w.put(lane, 'refused'), { code: 'BRIDGE_REDIS_UNAVAILABLE' })

  const { redis: connection, keys } = w
  const own = startUpkeep({
    ...w.config.lanes,
    redis: connection,
    keys,
    log: createLog({ level: 'silent' }),
    everyMs: 20,
    now: () => Date.now() + 16 * 60_000,
  })
  atEnd(t, redis.url, () => own.stop())

  await waitFor(async () => (await connection.zcard(keys.completed)) === 0)
})

test('upkeep by itself, sweeps at each pass, and looks at old events and records at every fifth', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const own = startUpkeep({ ...quiet, ...w.config.lanes, redis: w.redis, keys: w.keys, everyMs: 5 })
  atEnd(t, redis.url, () => own.stop().catch(() => {}))
  const calls = async () => {
    const stats = await w.redis.info('commandstats')
    const of = (name: string) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
    return { sweeps: of('hscan'), walks: of('scan'), marks: of('set') + of('get') + of('pexpire') }
  }

  const { sweeps, walks, marks } = await waitFor(async () => {
    const seen = await calls()
    return seen.sweeps >= 50 ? seen : undefined
  })

  const thorough = Math.ceil(sweeps / 5)
  assert.ok(Math.abs(walks - thorough) <= 1, `${walks} walks in ${sweeps} passes`)
  assert.ok(marks <= sweeps + thorough + 4, `${marks} commands for the mark in ${sweeps} passes`)
})

test('upkeep by two processes, is in the end done by one of them, also after Redis has lost the mark', async (t) => {
  const w = await world(t)
  const passes = [0, 0]
  for (const [index] of passes.entries()) {
    const now = () => {
      passes[index] = (passes[index] ?? 0) + 1
      return Date.now()
    }
    const own = startUpkeep({ ...quiet, ...w.config.lanes, redis: w.redis, keys: w.keys, everyMs: 30, now })
    atEnd(t, w.config.redis.url, () => own.stop().catch(() => {}))
  }

  for (let loss = 0; loss < 5; loss += 1) {
    await w.redis.del(w.keys.sweeper)
    await waitFor(() => w.redis.exists(w.keys.sweeper))
  }

  let since = [...passes]
  await waitFor(() => {
    const [first = 0, second = 0] = passes.map((count, index) => count - (since[index] ?? 0))
    if (first > 0 && second > 0) since = [...passes]
    return Math.max(first, second) >= 4 && Math.min(first, second) === 0
  })
})
