/** What the queue tells for metrics, beside the outcomes of attempts: each thing once, when it happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sightings } from '../../src/queue/consume.ts'
import { board, deadJob, upkeep, world } from '../support/lanes.ts'
import { startScript } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/exten:991'

function seen() {
  const told: string[] = []
  const sightings: Sightings = {
    dead: (event) => told.push(`dead ${event}`),
    stalled: () => told.push('stalled'),
    repaired: (kind, count) => count > 0 && told.push(`${kind} ${count}`),
    trimmedEarly: (count) => told.push(`trimmed ${count}`),
  }
  return { told, sightings }
}

test('a worker, when a board retries a dead letter, tells of a dead letter that no runner has seen', async (t) => {
  const { told, sightings } = seen()
  const w = await world(t, { script: { a: ['dead'] } })
  w.work({ sightings })
  await w.put(lane, 'a')
  const jobId = await deadJob(w, 'a')
  assert.deepEqual(told, [], 'that one the runner has told of')

  await (await board(t, w).getJob(jobId))?.retry('failed')
  await waitFor(() => told.length > 0)

  assert.deepEqual(told, ['dead Unknown'])
})

test('a worker, that takes an event over, tells so once', async (t) => {
  const { told, sightings } = seen()
  const w = await world(t)
  const { redis, keys } = w.config
  const env = { REDIS_URL: redis.url, KEY_PREFIX: keys.prefix, MISBEHAVE: 'hang' }
  const gone = startScript(t, 'test/redis/children/worker.ts', env)
  await w.put(lane, 'a')
  await waitFor(async () => (await w.states(lane))['a'] === 'active')
  gone.kill('SIGKILL')
  await gone.exit
  w.work({ sightings })
  await w.emptied()

  assert.deepEqual(told, ['stalled'])
})

test('upkeep, when it repairs lanes or trims early, tells how many', async (t) => {
  const { told, sightings } = seen()
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const worker = w.work({ sweepMs: 60_000 })
  await w.put(lane, 'a', 'b')
  await w.emptied()
  await worker.drain(5_000)
  await w.put(lane, 'c', 'd')
  const head = (await w.redis.hget(w.keys.heads, lane)) ?? ''
  await (await board(t, w).getJob(head))?.remove()
  const used = Number(/^used_memory:(\d+)/m.exec(await w.redis.info('memory'))?.[1])
  await w.redis.config('SET', 'maxmemory', String(Math.round(used * 1.1)))

  await (await upkeep(t, w, { sightings, now: () => Date.now() + 16 * 60_000 })).pass()

  assert.deepEqual(told, ['advanced 1', 'trimmed 2'])
})
