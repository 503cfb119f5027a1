/** Lanes, told as stories: thousands of blocked ones, several shards, a full memory, a Redis that refuses one command. */
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { RedisUnavailableError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { checkedScripts, installedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { laneKeyOf, shardKeys, shardOf } from '../../src/queue/keys.ts'
import { openLanes } from '../../src/queue/lanes.ts'
import { board, record, world } from '../support/lanes.ts'
import { startRedis, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

test('5,000 blocked lanes, keep no living lane from being processed', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { poison: ['dead'] } })
  w.work({ concurrency: 64 })
  const blocked = Array.from({ length: 5_000 }, (_, index) => `default/call:b${index}`)
  for (let at = 0; at < blocked.length; at += 500) {
    await Promise.all(blocked.slice(at, at + 500).map((lane) => w.put(lane, 'poison')))
  }
  await waitFor(async () => (await w.redis.hlen(w.keys.blocked)) === blocked.length)
  await Promise.all(blocked.slice(0, 500).map((lane) => w.put(lane, 'behind')))

  const living = Array.from({ length: 200 }, (_, index) => `default/call:${index}`)
  await Promise.all(living.map((lane) => w.put(lane, 'x', 'y', 'z')))
  await waitFor(() => w.ends.filter(({ status }) => status === 'completed').length === 600)

  for (const lane of living) assert.deepEqual(w.labelsOf(lane), ['x', 'y', 'z'])
  assert.equal(await w.redis.hlen(w.keys.blocked), blocked.length)

  // And the sweep walks on through all of them: what somebody removed is found.
  const removed = (await w.redis.hget(w.keys.heads, blocked[250] ?? '')) ?? ''
  await (await board(t, w).getJob(removed))?.remove()
  await waitFor(() => w.labelsOf(blocked[250] ?? '').includes('behind'))
  assert.equal(await w.redis.hlen(w.keys.blocked), blocked.length - 1)
})

test('lanes over four shards, keep their order, and every key of a shard in its hash tag', async (t) => {
  const w = await world(t, { env: { SHARDS: '4' } })
  w.work()
  const names = Array.from({ length: 24 }, (_, index) => `default/call:${index}`)
  await Promise.all(names.map((lane) => w.put(lane, 'a', 'b', 'c')))

  await waitFor(() => w.ends.length === 72)

  for (const lane of names) assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
  const used = new Set(names.map((lane) => shardOf(laneKeyOf(lane), 4)))
  assert.deepEqual([...used].sort(), [0, 1, 2, 3])
  const prefix = w.config.keys.prefix
  const keys = await w.redis.keys(`*${prefix}*`)
  assert.ok(
    keys.every((key) => /^\{[^}]+:[0-3]\}:/.test(key)),
    `a key outside its tag: ${keys.find((key) => !/^\{[^}]+:[0-3]\}:/.test(key))}`,
  )
})

test('another number of shards, is refused while anything is there, and taken once all is empty', async (t) => {
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix, SHARDS: '1' } })
  await w.put('default/call:1', 'a')
  const keys = { prefix, shards: 2 }

  const refused = w.work({ keys })
  await assert.rejects(refused.started, { code: 'BRIDGE_SHARDS' })
  assert.equal(refused.state().ready, false)
  const other = openLanes({
    redis: w.config.redis,
    keys,
    maxLaneEvents: 0,
    duplicateWindowMs: 0,
    log: createLog({ level: 'silent' }),
  })
  t.after(() => other.close())
  await waitFor(() => /SHARDS/.test(other.state().detail))
  await assert.rejects(other.enqueue(w.event('default/call:1', 'b')), RedisUnavailableError)

  const worker = w.work()
  await w.emptied()
  await worker.drain(5_000)
  await w.work({ keys }).started
  assert.equal(await w.redis.get(shardKeys(prefix, 1).shards), '2')
})

test('a memory that is full for a while under load, loses nothing that was acknowledged and keeps the order; an idle worker does not spin', async (t) => {
  const redis = await startRedis(t)
  let lines = 0
  const destination = new Writable({
    write(_chunk, _encoding, done) {
      lines += 1
      done()
    },
  })
  const w = await world(t, { url: redis.url, log: createLog({ level: 'warn', destination }) })
  const names = Array.from({ length: 10 }, (_, index) => `default/call:${index}`)
  const acked = new Map<string, string[]>(names.map((name) => [name, []]))
  const fill = async (round: string) => {
    for (const name of names) {
      await w.put(name, round).then(
        () => acked.get(name)?.push(round),
        () => {},
      )
    }
  }
  for (let index = 0; index < 20; index += 1) await fill(`before-${index}`)
  const used = Number(/used_memory:(\d+)/.exec(await w.redis.info('memory'))?.[1])
  await w.redis.config('SET', 'maxmemory', String(Math.round(used * 0.9)))
  await assert.rejects(w.put('default/call:1', 'refused'), RedisUnavailableError)

  // One that works while it is full, one that only wants to.
  w.work()
  w.work({ concurrency: 1 })
  for (let index = 0; index < 10; index += 1) await fill(`full-${index}`)
  const linesWhileFull = lines
  await w.redis.config('SET', 'maxmemory', '0')
  await fill('after')
  await w.emptied(30_000)

  for (const name of names) {
    const started = [...new Set(w.labelsOf(name))]
    assert.deepEqual(
      started.filter((label) => acked.get(name)?.includes(label)),
      acked.get(name),
    )
  }
  assert.ok(linesWhileFull < 100, `${linesWhileFull} lines`)
})

test('an idle worker on a Redis whose memory is full, asks a few times a second, and works at once when there is room', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  await w.put('default/call:1', 'a', 'b')
  await w.redis.config('SET', 'maxmemory', '1')
  await w.redis.config('RESETSTAT')
  const asked = async () => Number(/evalsha:calls=(\d+)/.exec(await w.redis.info('commandstats'))?.[1] ?? 0)
  w.work()
  await waitFor(async () => (await asked()) > 0)
  const before = await asked()
  const start = performance.now()

  await pause(1_000)

  // Fetches, stalled checks, sweeps: about ten. Unslowed, a worker asks thousands of times.
  const perSecond = ((await asked()) - before) / ((performance.now() - start) / 1_000)
  assert.ok(perSecond < 100, `${perSecond} a second`)
  await w.redis.config('SET', 'maxmemory', '0')
  await w.emptied()
  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'b'])
})

test('an event whose push a Redis refuses, is not "there already" on its repeat', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  await w.put('default/call:1', 'a')
  await w.redis.acl('SETUSER', 'weak', 'on', '>secret', '~*', '+@all', '-rpush')
  const weak = openLanes({
    redis: { ...w.config.redis, url: redis.url.replace('//', '//weak:secret@') },
    keys: w.config.keys,
    maxLaneEvents: 0,
    duplicateWindowMs: 0,
    log: createLog({ level: 'silent' }),
  })
  t.after(() => weak.close())
  await waitFor(() => weak.state().ready)
  const event = w.event('default/call:1', 'b')

  await assert.rejects(weak.enqueue(event), RedisUnavailableError)
  const again = await w.lanes.enqueue(event)

  assert.equal(again.isNew, true)
  assert.equal((await record(w, 'default/call:1')).length, 2)
  w.work()
  await w.emptied()
  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'b'])
})

test('the scripts forgotten by Redis under load, are sent again unseen', async (t) => {
  const redis = await startRedis(t)
  const w = await world(t, { url: redis.url })
  w.work()
  const operator = new Redis(redis.url)
  t.after(() => operator.disconnect())

  for (let index = 0; index < 10; index += 1) {
    await Promise.all([w.put('default/call:1', `e${index}`), w.put('default/call:2', `f${index}`)])
    await operator.script('FLUSH')
  }
  await w.emptied()

  assert.equal(w.ends.length, 20)
  assert.ok(w.ends.every(({ status }) => status === 'completed'))
})

test('scripts of another BullMQ, are refused with a sentence that says what to do', () => {
  const installed = installedScripts()
  assert.deepEqual(checkedScripts(installed), installed.scripts)

  const other = {
    version: '6.8.0',
    scripts: { ...installed.scripts, moveToFinished: `${installed.scripts.moveToFinished}\n` },
  }
  assert.throws(() => checkedScripts(other), {
    code: 'BRIDGE_BULLMQ_VERSION',
    message: /bullmq 6\.8\.0 has another text of moveToFinished .*npm ci/,
  })
  const missing = { version: '7.0.0', scripts: { ...installed.scripts, addStandardJob: '' } }
  assert.throws(() => checkedScripts(missing), { code: 'BRIDGE_BULLMQ_VERSION' })
})

test('a number and an extension, lead the search to the lanes they were seen in', async (t) => {
  const w = await world(t)
  w.work()
  const event = w.event('default/call:1', 'a')
  await w.lanes.enqueue({ ...event, name: 'NewState', data: { exten: '991', participant: '+98 912 000 0101' } })
  await w.emptied()

  const [number] = await w.redis.keys(`${w.keys.base}:who:*9120000101`)
  assert.deepEqual(await w.redis.zrange(number ?? '', '0', '-1'), ['default/call:1'])
  assert.deepEqual(await w.redis.zrange(w.keys.who('991'), '0', '-1'), ['default/call:1'])
  assert.ok((await w.redis.pttl(w.keys.who('991'))) > 0, 'it goes with the retention')
})

test('two deliveries of the same bytes within DUPLICATE_WINDOW_MS, get one event id, even if the first one failed', async (t) => {
  const w = await world(t, { env: { DUPLICATE_WINDOW_MS: '60000' } })
  const first = await w.lanes.claimEventId('bytes', 'id-1')
  const second = await w.lanes.claimEventId('bytes', 'id-2')
  const other = await w.lanes.claimEventId('other bytes', 'id-3')

  assert.deepEqual([first, second, other], ['id-1', 'id-1', 'id-3'])
  const event = w.event('default/call:1', 'a')
  // The first delivery never got further than its claim: the second still brings the event in.
  assert.equal((await w.lanes.enqueue({ ...event, eventId: second })).isNew, true)
  assert.equal((await w.lanes.enqueue({ ...event, eventId: second })).isNew, false)
})
