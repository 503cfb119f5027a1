/** Lanes, told as stories: a connection cut, a Redis killed, a Redis that goes back by one write. */
import assert from 'node:assert/strict'
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { RedisUnavailableError } from '../../src/errors.ts'
import type { Outcome } from '../../src/event/outcome.ts'
import { replay } from '../../src/queue/dead-letters.ts'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts } from '../../src/queue/fused/commands.ts'
import { deadJob, type World, world } from '../support/lanes.ts'
import { startProxy } from '../support/proxy.ts'
import { type OwnRedis, startRedis, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'

for (const cut of ['request', 'answer'] as const) {
  test(`an enqueue whose ${cut} is lost, fails, and its repeat takes the event once`, async (t) => {
    const proxy = await startProxy(t, suiteRedisUrl())
    const w = await world(t, { url: proxy.url })
    await w.put(lane, 'a')
    const event = w.event(lane, 'b')

    const isCut = proxy.cutAt(event.eventId, cut)
    await assert.rejects(w.lanes.enqueue(event), RedisUnavailableError)
    await isCut
    await waitFor(() => w.lanes.state().ready)
    const again = await w.lanes.enqueue(event)
    await w.put(lane, 'c')
    w.work()
    await w.emptied()

    assert.equal(again.isNew, cut === 'request')
    assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
  })

  test(`a finish whose ${cut} is lost, leaves the lane whole: no event lost, none overtaken`, async (t) => {
    const proxy = await startProxy(t, suiteRedisUrl())
    const prefix = uniquePrefix()
    const w = await world(t, { env: { KEY_PREFIX: prefix } })
    await w.put(lane, 'a', 'b', 'c')
    await w.put('default/call:2', 'x', 'y')

    const isCut = proxy.cutAt('returnvalue', cut)
    w.work({ redis: { ...w.config.redis, url: proxy.url } })
    await isCut
    await w.emptied()

    const first = (label: string) => w.starts.findIndex((start) => start.label === label)
    const lastEnd = (label: string) => w.starts.findLastIndex((start) => start.label === label)
    assert.deepEqual([...new Set(w.labelsOf(lane))], ['a', 'b', 'c'])
    assert.ok(lastEnd('a') < first('b') && lastEnd('b') < first('c'), 'a repeat comes before the next event, too')
    assert.deepEqual([...new Set(w.labelsOf('default/call:2'))], ['x', 'y'])
  })
}

for (const policy of ['advance', 'block']) {
  for (const cut of ['request', 'answer'] as const) {
    test(`a replay whose ${cut} is lost under DEAD_HEAD=${policy}, is whole or not there, and its repeat makes no second job`, async (t) => {
      const proxy = await startProxy(t, suiteRedisUrl())
      const w = await world(t, {
        env: { KEY_PREFIX: uniquePrefix(), DEAD_HEAD: policy },
        script: { a: ['dead', 'ok'] },
      })
      w.work()
      await w.put(lane, 'a', 'b')
      const jobId = await deadJob(w, 'a')
      const operator = new Redis(proxy.url, { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false })
      operator.on('error', () => {})
      t.after(() => operator.disconnect())
      defineScripts(operator, checkedScripts())

      const isCut = proxy.cutAt('"v":2,', cut)
      await assert.rejects(replay(operator, w.keys, jobId, () => 'UTC'))
      await isCut
      await waitFor(() => operator.status === 'ready')
      const again = await replay(operator, w.keys, jobId, () => 'UTC')
      await w.emptied()

      assert.deepEqual(again, { status: cut === 'request' ? 'replayed' : 'before', jobId: `${jobId}~2` })
      assert.deepEqual(w.labelsOf(lane), policy === 'block' ? ['a', 'a', 'b'] : ['a', 'b', 'a'])
    })
  }
}

test('twenty cuts of all connections under load, lose nothing and overtake nothing', async (t) => {
  const proxy = await startProxy(t, suiteRedisUrl())
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix } })
  const throughProxy = { redis: { ...w.config.redis, url: proxy.url } }
  w.work(throughProxy)
  w.work(throughProxy)
  const names = Array.from({ length: 20 }, (_, index) => `default/call:${index}`)
  const labels = Array.from({ length: 15 }, (_, index) => `e${String(index).padStart(2, '0')}`)

  for (const label of labels) {
    await Promise.all(names.map((name) => w.put(name, label)))
    proxy.cutAll()
  }
  for (let cuts = 0; cuts < 5; cuts += 1) {
    const before = w.ends.length
    proxy.cutAll()
    await waitFor(async () => w.ends.length > before || (await w.redis.hlen(w.keys.heads)) === 0)
  }
  await w.emptied(60_000)

  for (const name of names) assert.deepEqual(firstStarts(w, name), labels)
  assert.equal(await w.redis.zcard(w.keys.failed), 0)
})

test('a Redis killed twice under load, keeps what it acknowledged, in order', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  w.work()
  const names = Array.from({ length: 10 }, (_, index) => `default/call:${index}`)
  const acked = new Map<string, string[]>(names.map((name) => [name, []]))
  const load = async (label: string) => {
    for (const name of names) {
      // Refused while Redis is away: nobody promised these.
      await w.put(name, label).then(
        () => acked.get(name)?.push(label),
        () => {},
      )
    }
  }

  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 10; index += 1) await load(`r${round}-${index}`)
    const late = load(`late-${round}`)
    redis.kill('SIGKILL')
    await redis.died()
    await late
    await redis.restart()
    await waitFor(() => w.lanes.state().ready)
  }
  await load('last')
  await w.emptied(30_000)

  for (const name of names) {
    // An event refused by a dying Redis may have been taken all the same; it never comes before an earlier one.
    const started = firstStarts(w, name)
    assert.deepEqual(
      started.filter((label) => acked.get(name)?.includes(label)),
      acked.get(name),
    )
  }
})

test('a Redis that lost its last write under a living worker, goes on with a whole state', async (t) => {
  const redis = await startRedis(t)
  let letGo: (outcome: Outcome) => void = () => {}
  const held = new Promise<Outcome>((resolve) => {
    letGo = resolve
  })
  const w = await world(t, { url: redis.url, script: { b: [held] } })
  w.work()
  await w.put(lane, 'a', 'b', 'c')
  await waitFor(() => w.labelsOf(lane).includes('b'))
  await w.put(lane, 'taken-back')

  redis.kill('SIGKILL')
  await redis.died()
  await cutLog(redis)
  await redis.restart()
  await waitFor(() => w.lanes.state().ready)
  await w.put(lane, 'd')
  letGo({ status: 'completed' })
  await w.emptied(30_000)

  assert.deepEqual(firstStarts(w, lane), ['a', 'b', 'c', 'd'])
})

test('a Redis that lost its last write while no worker lived, stands still in no lane', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  const worker = w.work()
  await w.put(lane, 'a')
  await w.emptied()
  await worker.drain(5_000)
  await w.put('default/call:2', 'x')
  await w.put(lane, 'b')

  redis.kill('SIGKILL')
  await redis.died()
  await cutLog(redis)
  await redis.restart()
  await waitFor(() => w.lanes.state().ready)
  w.work()
  await w.put(lane, 'c')
  await w.emptied(30_000)

  assert.deepEqual(firstStarts(w, lane), ['a', 'c'], 'what Redis took back is gone, and nothing stands still')
  assert.deepEqual(firstStarts(w, 'default/call:2'), ['x'])
})

test('a Redis that lost the finish of a head while its follower already runs, lets both run again in order', async (t) => {
  const redis = await startRedis(t)
  let letGo: (outcome: Outcome) => void = () => {}
  const held = new Promise<Outcome>((resolve) => {
    letGo = resolve
  })
  const w = await world(t, { url: redis.url, script: { b: [held, 'ok'] } })
  await w.put(lane, 'a', 'b', 'c')
  w.work()
  await waitFor(() => w.labelsOf(lane).includes('b'))

  redis.kill('SIGKILL')
  await redis.died()
  await cutLog(redis, 'returnvalue')
  await redis.restart()
  await waitFor(() => w.lanes.state().ready)
  assert.deepEqual(await w.states(lane), { a: 'active', b: 'parked', c: 'parked' })
  letGo({ status: 'completed' })
  await w.emptied(30_000)

  assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'a', 'b', 'c'])
})

function firstStarts(w: World, name: string): string[] {
  return [...new Set(w.labelsOf(name))]
}

/** Cuts the append-only file inside its last transaction, or where `text` last stands; Redis drops the rest when it loads. */
async function cutLog({ dir }: OwnRedis, text?: string): Promise<void> {
  const folder = join(dir, 'appendonlydir')
  const file = (await readdir(folder)).find((name) => name.endsWith('.incr.aof'))
  if (file === undefined) throw new Error('no append-only file')
  const path = join(folder, file)
  const log = await readFile(path)
  await truncate(path, text === undefined ? log.length - 5 : log.lastIndexOf(text))
}
