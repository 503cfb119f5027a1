/**
 * Limits, with the way of an event as the ingress has it: Redis' memory from 80 % on, and a lane that is full.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Redis } from 'ioredis'
import { shardKeys } from '../../src/queue/keys.ts'
import { listRefused } from '../../src/spool/quarantine.ts'
import { upkeep, world } from '../support/lanes.ts'
import { atEnd, inspect, startRedis, uniquePrefix } from '../support/redis.ts'
import { eventIn, keptLog, spoolDir } from '../support/spool.ts'
import { openWay, takenBy } from '../support/spool-way.ts'
import { waitFor } from '../support/wait.ts'

async function scene(t: TestContext, env: Record<string, string> = {}) {
  const redis = await startRedis(t)
  const prefix = uniquePrefix()
  const dir = await spoolDir(t)
  const { log, lines } = keptLog()
  const settings = { REDIS_URL: redis.url, KEY_PREFIX: prefix, SPOOL_DIR: dir, ...env }
  const { intake, spool, close } = await openWay(settings, log)
  atEnd(t, redis.url, close)
  await waitFor(() => intake.state().redis.ready)
  return { redis, prefix, dir, lines, intake, spool, look: inspect(t, redis.url) }
}

/** Sets the limit so that what is used is this share of it. */
async function fill(look: Redis, share: number): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await look.info('memory'))?.[1])
  await look.config('SET', 'maxmemory', String(Math.round(used / share)))
}

test('intake, from 80 % of the memory on, spools at once, drains when it falls below 75 %, and Redis refused nothing', async (t) => {
  const { redis, prefix, lines, intake, spool, look } = await scene(t)
  await intake.enqueue(eventIn('a', '0'))
  await fill(look, 0.85)
  await waitFor(() => intake.state().way === 'spool')

  const spooled = await intake.enqueue(eventIn('a', '1'))
  assert.equal(spooled.sequence, 0)
  assert.equal(intake.state().redis.detail, 'redis memory above 80 %')
  assert.equal(intake.state().ready, true)
  await fill(look, 0.77)
  await waitFor(() => lines.some(({ msg }) => msg === 'the spool waits for redis'))
  assert.equal(spool.isEmpty(), false)

  await fill(look, 0.5)
  await waitFor(() => intake.state().way === 'straight')
  await intake.enqueue(eventIn('a', '2'))

  assert.equal((await takenBy(t, redis.url, prefix, 'a')).length, 3)
  assert.deepEqual(
    lines.filter(({ msg }) => msg === 'events go to the spool').map(({ why }) => why),
    ['redis memory above 80 %'],
  )
  assert.match(await look.info('errorstats'), /^(?!.*OOM)/s)
})

test('trim, once begun at 80 %, goes on below it until the ingress goes straight again, and no further', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const worker = w.work()
  await w.put('default/exten:991', 'a', 'b', 'c')
  await w.emptied()
  await worker.drain(5_000)
  const late = await upkeep(t, w, { now: () => Date.now() + 16 * 60_000 })

  await fill(w.redis, 0.5)
  assert.equal((await late.pass()).trimmed, 0)
  await fill(w.redis, 0.85)
  assert.equal((await late.pass()).trimmed, 3)
  await w.put('default/exten:991', 'd')
  const again = w.work()
  await w.emptied()
  await again.drain(5_000)
  await fill(w.redis, 0.78)
  assert.equal((await late.pass()).trimmed, 1)
})

test('a lane at MAX_LANE_EVENTS, on the straight way, is refused for itself alone and not spooled', async (t) => {
  const { intake, spool } = await scene(t, { MAX_LANE_EVENTS: '2' })
  await intake.enqueue(eventIn('full', '1'))
  await intake.enqueue(eventIn('full', '2'))

  await assert.rejects(intake.enqueue(eventIn('full', '3')), { code: 'BRIDGE_EVENT_REFUSED' })

  assert.equal(spool.isEmpty(), true)
  assert.equal(intake.state().way, 'straight')
  assert.notEqual((await intake.enqueue(eventIn('other', '4'))).sequence, 0)
})

test('a lane at MAX_LANE_EVENTS, when the spool drains, goes to the quarantine and stops nothing behind it', async (t) => {
  const { redis, prefix, dir, intake, spool } = await scene(t, { MAX_LANE_EVENTS: '2' })
  redis.kill('SIGKILL')
  await redis.died()
  await waitFor(() => !intake.state().redis.ready)
  const full = [eventIn('full', '1'), eventIn('full', '2'), eventIn('full', '3')]
  for (const event of full) await intake.enqueue(event)
  await intake.enqueue(eventIn('other', '4'))

  await redis.restart()
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(
    (await listRefused(dir)).map(({ eventId }) => eventId),
    [full[2]?.eventId],
  )
  assert.equal(spool.state().refused, 1)
  assert.equal((await takenBy(t, redis.url, prefix, 'other')).length, 1)
  assert.equal(await inspect(t, redis.url).hlen(shardKeys(prefix, 0).heads), 2)
})
