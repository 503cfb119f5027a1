/** Lanes, told as stories: what a board, a script of an operator or a foreign worker does to the queue from outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnrecoverableError, Worker } from 'bullmq'
import { queueName } from '../../src/queue/keys.ts'
import { board, deadJob, listDeadLetters, replayJob, upkeep, type World, world } from '../support/lanes.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'

const retries = [
  ['a retry', {}],
  ['a retry that resets its counters', { resetAttemptsMade: true, resetAttemptsStarted: true }],
] as const

for (const policy of ['advance', 'block']) {
  for (const [how, options] of retries) {
    test(`${how} of a dead letter by a board, under DEAD_HEAD=${policy}, calls no processor and stays a dead letter`, async (t) => {
      const w = await world(t, { env: { DEAD_HEAD: policy }, script: { a: ['dead', 'ok'] } })
      w.work()
      await w.put(lane, 'a', 'b')
      const jobId = await deadJob(w, 'a')
      const job = await board(t, w).getJob(jobId)

      await job?.retry('failed', options)
      await waitFor(async () => {
        const again = await board(t, w).getJob(jobId)
        return /out of turn/.test(again?.failedReason ?? '')
      })

      assert.equal(w.labelsOf(lane).filter((label) => label === 'a').length, 1)
      assert.notEqual(await w.redis.zscore(w.keys.failed, jobId), null)
      assert.deepEqual(
        await w.states(lane),
        policy === 'block' ? { a: 'blocked', b: 'parked' } : { a: 'dead', b: 'completed' },
      )
    })
  }
}

for (const [how, options] of retries) {
  test(`${how} of a completed job by a board, calls no processor while its lane goes on`, async (t) => {
    const w = await world(t, { script: { b: ['hang', 'ok'] } })
    const first = w.work()
    await w.put(lane, 'a', 'b', 'c')
    await waitFor(() => w.labelsOf(lane).includes('b'))
    const [jobId = ''] = await w.redis.zrange(w.keys.completed, '0', '-1')

    await (await board(t, w).getJob(jobId))?.retry('completed', options)
    await deadJob(w, 'a')
    await first.drain(0)
    w.work()
    await w.emptied()

    assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'b', 'c'])
  })
}

test('a retry of a dead letter without the mark of the finish, is stopped by the guard', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'ok'], b: ['hang', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')
  await waitFor(() => w.labelsOf(lane).includes('b'))
  await w.redis.hdel(w.keys.job(jobId), 'defa')

  await (await board(t, w).getJob(jobId))?.retry()
  await waitFor(async () => /out of turn/.test((await w.redis.hget(w.keys.job(jobId), 'failedReason')) ?? ''))

  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
})

test('a retry by a board of all dead letters at once, calls no processor', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'ok'], x: ['dead', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  await w.put('default/call:2', 'x', 'y')
  await deadJob(w, 'a', 2)
  await w.emptied()

  await board(t, w).retryJobs({ state: 'failed' })
  await waitFor(async () => {
    const letters = await listDeadLetters(w.redis, w.keys)
    return letters.length === 2 && letters.every(({ error }) => /out of turn/.test(error))
  })

  assert.equal(w.starts.length, 4)
})

test('the removal of a waiting head from outside, lets its followers go on', async (t) => {
  const w = await world(t)
  await w.put(lane, 'a', 'b', 'c')
  const queue = board(t, w)
  const jobId = (await w.redis.hget(w.keys.heads, lane)) ?? ''

  await (await queue.getJob(jobId))?.remove()
  w.work()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['b', 'c'])
})

test('the removal of a blocked head by a board, lets its lane go on and unblocks it', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')

  await (await board(t, w).getJob(jobId))?.remove()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
  assert.equal(await w.redis.hlen(w.keys.blocked), 0)
})

test('a drain of the queue from outside, takes the heads and leaves every follower', async (t) => {
  const w = await world(t)
  await w.put(lane, 'a', 'b')
  await w.put('default/call:2', 'c', 'd')

  await board(t, w).drain(true)
  w.work()
  await w.emptied()

  assert.deepEqual(w.starts.map(({ label }) => label).sort(), ['b', 'd'])
})

test('a promotion by a board of a head that waits for its backoff, only starts it earlier', async (t) => {
  const w = await world(t, { script: { a: [{ status: 'retry', delayMs: 3_600_000, error: 'later' }, 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  await waitFor(async () => (await w.states(lane))['a'] === 'delayed')
  const jobId = (await w.redis.hget(w.keys.heads, lane)) ?? ''

  await (await board(t, w).getJob(jobId))?.promote()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'b'])
})

test('a stock BullMQ worker, finishes without advancing, and the sweep moves the lane on', async (t) => {
  const w = await world(t)
  await w.put(lane, 'a', 'b')
  const stock = new Worker(queueName, async () => 'done', {
    connection: { url: w.config.redis.url },
    prefix: w.keys.base,
  })
  stock.on('error', () => {})
  await waitFor(async () => (await w.redis.zcard(w.keys.completed)) === 1)
  await stock.close()
  assert.equal(await w.redis.llen(w.keys.lane(lane)), 1, 'the follower still waits')

  const { advanced } = await (await upkeep(t, w)).pass()
  assert.equal(advanced, 1)
  w.work()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['b'])
})

test('a head that a stock BullMQ worker failed, under DEAD_HEAD=block, blocks its lane by the sweep and can be replayed', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' } })
  await w.put(lane, 'a', 'b')
  const jobId = await failByStockWorker(w)

  const { blocked } = await (await upkeep(t, w)).pass()

  assert.equal(blocked, 1)
  assert.deepEqual(await w.states(lane), { a: 'blocked', b: 'parked' })
  await replayJob(w, jobId)
  w.work()
  await w.emptied()
  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
})

test('a dead letter of a stock BullMQ worker, retried by a board with its counters reset, calls no processor', async (t) => {
  const w = await world(t, { script: { b: ['hang', 'ok'] } })
  await w.put(lane, 'a', 'b')
  const jobId = await failByStockWorker(w)
  w.work()
  await waitFor(() => w.labelsOf(lane).includes('b'))

  await (await board(t, w).getJob(jobId))?.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true })
  await waitFor(async () => (await listDeadLetters(w.redis, w.keys))[0]?.error !== 'stock' && deadJob(w, 'a'))

  assert.deepEqual(w.labelsOf(lane), ['b'])
})

test('the sweep, with nothing changed from outside, repairs nothing', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { dead: ['dead'], slow: ['hang'] } })
  w.work()
  await w.put('default/call:1', 'dead', 'b')
  await w.put('default/call:2', 'slow', 'd')
  await waitFor(async () => (await w.states('default/call:1'))['dead'] === 'blocked')
  await waitFor(async () => (await w.states('default/call:2'))['slow'] === 'active')

  const { advanced, blocked } = await (await upkeep(t, w)).pass()

  assert.deepEqual({ advanced, blocked }, { advanced: 0, blocked: 0 })
  assert.deepEqual(await w.states('default/call:1'), { dead: 'blocked', b: 'parked' })
})

/** BullMQ's own worker fails `a` for good, and advances nothing. */
async function failByStockWorker(w: World): Promise<string> {
  const stock = new Worker(
    queueName,
    async () => {
      throw new UnrecoverableError('stock')
    },
    { connection: { url: w.config.redis.url }, prefix: w.keys.base },
  )
  stock.on('error', () => {})
  const jobId = await deadJob(w, 'a')
  await stock.close()
  return jobId
}
