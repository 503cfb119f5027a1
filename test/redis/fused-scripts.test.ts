/** What our scripts write of a job, beside what BullMQ's own write of the same; and queues that have what ours never use. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts, finishCommand, run } from '../../src/queue/fused/commands.ts'
import { plainEnqueue } from '../../src/queue/fused/enqueue.ts'
import { finishKeys } from '../../src/queue/fused/finish.lua.ts'
import { jobOptions } from '../../src/queue/fused/lane.lua.ts'
import { queueName, shardKeys } from '../../src/queue/keys.ts'
import { type World, world } from '../support/lanes.ts'
import { cleanUp, inspect, startRedis, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { startReplica } from '../support/redis-ha.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'

/** All of a queue but its stream of events and its counters: key -> content, times as `T`. */
async function stateOf(redis: Redis, base: string): Promise<Record<string, unknown>> {
  const queue = `${base}:${queueName}:`
  const state: Record<string, unknown> = {}
  for (const key of (await redis.keys(`${queue.replace(/[{}]/g, '?')}*`)).sort()) {
    const name = key.slice(queue.length)
    if (/^(?:id|meta|events|stalled-check|.*:logs)$/.test(name)) continue
    const type = await redis.type(key)
    if (type === 'hash') state[name] = timeless(await redis.hgetall(key))
    if (type === 'list') state[name] = await redis.lrange(key, '0', '-1')
    if (type === 'zset') state[name] = await redis.zrange(key, '0', '-1')
    if (type === 'set') state[name] = await redis.smembers(key)
    if (type === 'string') state[name] = 'text'
  }
  return state
}

const words: Record<string, (value: string) => string> = {
  timestamp: () => 'T',
  processedOn: () => 'T',
  finishedOn: () => 'T',
  data: () => 'data',
  // Theirs repeat the job's id.
  opts: (value) => JSON.stringify({ ...JSON.parse(value), jobId: '' }, ['attempts', 'backoff', 'type']),
}

/** Without what only ours have, and with what may differ as one word. */
function timeless({ lane: _, defa: __, lastLine: ___, ...fields }: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, words[name]?.(value) ?? value]))
}

/** The same job in BullMQ's own hands: its queue, its worker. */
async function stock(t: TestContext, jobId: string): Promise<{ queue: Queue; base: string }> {
  const prefix = uniquePrefix()
  cleanUp(t, prefix)
  const { base } = shardKeys(prefix, 0)
  const queue = new Queue(queueName, { connection: { url: suiteRedisUrl() }, prefix: base })
  t.after(() => queue.close())
  await queue.add('Unknown', {}, { jobId, ...jobOptions })
  return { queue, base }
}

function stockWorker(t: TestContext, base: string, process: () => Promise<unknown>): Worker {
  const connection = { url: suiteRedisUrl(), maxRetriesPerRequest: null }
  const worker = new Worker(queueName, process, { connection, prefix: base })
  t.after(() => worker.close(true))
  return worker
}

async function eventOf(w: World, label: string): Promise<string> {
  const event = w.event(lane, label)
  await w.lanes.enqueue(event)
  return event.eventId
}

test('a head that was enqueued, is the job that BullMQ itself would have added', async (t) => {
  const w = await world(t)
  const jobId = await eventOf(w, 'a')
  const { base } = await stock(t, jobId)

  const ours = await stateOf(w.redis, w.keys.base)

  assert.ok(ours['wait'] && ours['marker'] && ours[jobId])
  assert.deepEqual(ours, await stateOf(w.redis, base))
})

for (const step of ['ok', 'dead'] as const) {
  test(`a head whose attempt ends ${step}, is the job that BullMQ itself would have left`, async (t) => {
    const w = await world(t, { script: { a: [step] } })
    const jobId = await eventOf(w, 'a')
    const { base } = await stock(t, jobId)
    const error = Object.assign(new Error('dead by script'), { name: 'UnrecoverableError', stack: '' })
    const worker = stockWorker(t, base, () => (step === 'ok' ? Promise.resolve('completed') : Promise.reject(error)))
    const finished = new Promise((resolve) => worker.on(step === 'ok' ? 'completed' : 'failed', resolve))

    await finished
    await worker.close()
    await w.work().started
    await w.emptied()

    const ours = await stateOf(w.redis, w.keys.base)
    // Theirs leaves the mark by which a worker is woken, though nothing waits.
    const { marker: _, ...theirs } = await stateOf(w.redis, base)
    const named = ({ failedReason: _, ...fields }: Record<string, string>) => fields
    assert.ok(ours[step === 'ok' ? 'completed' : 'failed'])
    assert.deepEqual(
      { ...ours, [jobId]: named(ours[jobId] as Record<string, string>) },
      { ...theirs, [jobId]: named(theirs[jobId] as Record<string, string>) },
    )
  })
}

test('a queue that somebody paused, hands out nothing until it goes on', async (t) => {
  const w = await world(t)
  const queue = new Queue(queueName, { connection: { url: suiteRedisUrl() }, prefix: w.keys.base })
  t.after(() => queue.close())
  let isPaused = false
  let startedPaused = 0
  w.work({ concurrency: 1 }, () => {
    if (isPaused) startedPaused += 1
  })
  await w.put(lane, ...Array.from({ length: 50 }, (_, index) => `e${index}`))
  await waitFor(() => w.ends.length > 2)
  await queue.pause()
  await waitFor(async () => (await queue.getActiveCount()) === 0)
  isPaused = true
  const before = w.ends.length
  await w.put('default/call:2', 'f')
  await waitFor(async () => (await queue.getWaitingCount()) >= 1)

  assert.equal(startedPaused, 0)
  assert.equal(w.ends.length, before)
  isPaused = false
  await queue.resume()
  await w.emptied()
  assert.equal(w.ends.length, 51)
})

test('a queue with a ceiling of active jobs and a rate that somebody set, keeps to both', async (t) => {
  const w = await world(t)
  const queue = new Queue(queueName, { connection: { url: suiteRedisUrl() }, prefix: w.keys.base })
  t.after(() => queue.close())
  await queue.setGlobalConcurrency(2)
  await queue.setGlobalRateLimit(1_000, 100)
  let most = 0
  for (let index = 0; index < 40; index += 1) await w.put(`default/call:${index % 8}`, `e${index}`)
  w.work({}, () => {
    void queue.getActiveCount().then((active) => {
      most = Math.max(most, active)
    })
  })
  await w.emptied()

  assert.equal(w.ends.length, 40)
  assert.ok(most <= 2, `${most} active`)
})

test('a job that somebody added by BullMQ, is failed by BullMQ and holds nobody up', async (t) => {
  const w = await world(t)
  const queue = new Queue(queueName, { connection: { url: suiteRedisUrl() }, prefix: w.keys.base })
  t.after(() => queue.close())
  await queue.add('foreign', { no: 'event' }, { priority: 3 })
  await queue.add('foreign', { no: 'event' }, { delay: 50 })
  await queue.add('foreign', { no: 'event' })
  await w.put(lane, 'a', 'b')
  w.work()

  await w.emptied()
  await waitFor(async () => (await queue.getFailedCount()) === 3)
  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
})

/** One call of the finish script on its own, about heads of as many lanes: those that are `active` under `token`, and those that wait. */
async function callOf(t: TestContext, counts: { active: number; waiting: number }) {
  const w = await world(t)
  const { base } = w.keys
  const heads: string[] = []
  for (let index = 0; index < counts.active + counts.waiting; index += 1) {
    const event = w.event(`default/call:${index}`, `e${index}`)
    await w.lanes.enqueue(event)
    heads.push(event.eventId)
  }
  const active = heads.slice(0, counts.active)
  for (const id of active) {
    assert.equal(await w.redis.rpoplpush(`${base}:${queueName}:wait`, `${base}:${queueName}:active`), id)
    await w.redis.set(`${w.keys.job(id)}:lock`, 'token')
  }
  const redis = inspect(t, suiteRedisUrl())
  defineScripts(redis, checkedScripts())
  const names = finishKeys.map((type) => `${base}:${queueName}:${type}`)
  const end = (...ends: readonly (readonly [id: string, isNextWanted: 0 | 1, found: string])[]) => {
    const args = ends.flatMap(([id, next, found]) => [`token completed ${next} 0 ${id}`, '', found])
    return run(redis, finishCommand, ...names, base, 'advance', 1_000, 60_000, 60_000, ...args) as Promise<unknown[]>
  }
  return { w, active, waiting: heads.slice(counts.active), end }
}

test('several ends in one call, of what waits, are handed the longest waiting, in order', async (t) => {
  const { w, active, waiting, end } = await callOf(t, { active: 3, waiting: 4 })
  const [one = '', two = '', three = ''] = active

  const answers = await end([one, 1, ''], [two, 0, ''], [three, 1, ''])

  const queue = `${w.keys.base}:${queueName}`
  assert.deepEqual(
    answers.map((answer) => (Array.isArray(answer) ? answer[1] : answer)),
    [waiting[0], 0, waiting[1]],
  )
  assert.deepEqual((await w.redis.lrange(`${queue}:active`, 0, -1)).sort(), waiting.slice(0, 2).sort())
  assert.deepEqual((await w.redis.lrange(`${queue}:wait`, 0, -1)).reverse(), waiting.slice(2))
  assert.deepEqual((await w.redis.zrange(w.keys.completed, '0', '-1')).sort(), [...active].sort())
  for (const id of waiting.slice(0, 2)) {
    assert.equal(await w.redis.get(`${w.keys.job(id)}:lock`), 'token')
    assert.deepEqual(await w.redis.hmget(w.keys.job(id), 'processedOn', 'ats'), ['1000', '1'])
  }
  assert.equal(await w.redis.exists(...active.map((id) => `${w.keys.job(id)}:lock`)), 0)
})

test('more ends in one call than wait, are told that there is nothing else', async (t) => {
  const { active, waiting, end } = await callOf(t, { active: 2, waiting: 1 })

  const answers = await end(...active.map((id) => [id, 1, ''] as const))

  assert.deepEqual(
    answers.map((answer) => (answer as unknown[])[1]),
    [waiting[0], 0],
  )
})

test('a job that ends twice in one call, is ended once', async (t) => {
  const { w, active, end } = await callOf(t, { active: 2, waiting: 0 })
  const [one = '', two = ''] = active

  assert.deepEqual(await end([one, 0, ''], [one, 0, ''], [two, 0, '']), [0, -2, 0])
  assert.equal(await w.redis.zcard(w.keys.completed), 2)
  assert.equal(await w.redis.hget(w.keys.job(one), 'atm'), '1')
})

test('ends in one call that name the same number, are found by it all', async (t) => {
  const { w, active, end } = await callOf(t, { active: 2, waiting: 0 })
  const [one = '', two = ''] = active

  await end([one, 0, '5 501,0912 default/call:0'], [two, 0, '7 501 default/call:1'])

  const found = (term: string) => w.redis.zrange(`${w.keys.base}:who:${term}`, '0', '-1', 'WITHSCORES')
  assert.deepEqual(await found('501'), ['default/call:0', '5', 'default/call:1', '7'])
  assert.deepEqual(await found('0912'), ['default/call:0', '5'])
  assert.ok((await w.redis.pttl(`${w.keys.base}:who:501`)) > 0)
})

test('a server that became a replica, refuses a whole call with READONLY as its first word', async (t) => {
  const { master, replica } = await startReplica(t, await startRedis(t))
  const keys = shardKeys(uniquePrefix(), 0)
  await master.look.set(keys.shards, '1')
  await master.look.hset(keys.job('a'), { name: 'Unknown', lane: 'default/call:1' })
  await master.look.set(`${keys.job('a')}:lock`, 'token')
  await waitFor(async () => (await replica.look.exists(`${keys.job('a')}:lock`)) === 1)
  const redis = inspect(t, replica.url)
  defineScripts(redis, checkedScripts())
  const place = plainEnqueue(redis, { shards: 1, maxLaneEvents: 0 })
  const event = { laneKey: 'default/call:2', jobId: 'b', name: 'Unknown', timestamp: 1, rest: '"v":1}' }
  const names = finishKeys.map((type) => `${keys.base}:${queueName}:${type}`)

  // By that word a client knows that it is to look for another server.
  await assert.rejects(place(keys, event), { message: /^READONLY/ })
  const ended = [keys.base, 'advance', 1, 1_000, 1_000, 'token completed 1 0 a', '', '']
  await assert.rejects(run(redis, finishCommand, ...names, ...ended), { message: /^READONLY/ })
})

test('a Redis started as compose starts it, keeps a completed event in one piece of memory', async (t) => {
  const [, flags = ''] =
    /command:\s*\[\s*redis-server,([^\]]*?),?\s*\]/.exec(readFileSync('docker-compose.yml', 'utf8')) ?? []
  const { url } = await startRedis(t, ...flags.split(',').map((flag) => flag.trim().replaceAll('"', '')))
  const w = await world(t, { url })
  const jobId = await eventOf(w, 'a')
  w.work()
  await w.emptied()

  assert.equal(await w.redis.zscore(w.keys.completed, jobId).then(Number).then(Number.isFinite), true)
  assert.match(String(await w.redis.object('ENCODING', w.keys.job(jobId))), /^(?:listpack|ziplist)$/)
})
