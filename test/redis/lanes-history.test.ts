/** Lanes, told as stories: what the timeline and the search will tell of a lane. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewEvent } from '../../src/event/event.ts'
import type { Outcome } from '../../src/event/outcome.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { laneKeyOf } from '../../src/queue/keys.ts'
import { whoIndex } from '../../src/queue/who.ts'
import { deadJob, replayJob, world } from '../support/lanes.ts'
import { startProxy } from '../support/proxy.ts'
import { suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'

test('history, of a lane with an event in every state, tells each by its name', async (t) => {
  const asked: Outcome = { status: 'later', delayMs: 3_600_000, cause: 'asked', error: 'busy' }
  const w = await world(t, {
    env: { DEAD_HEAD: 'block' },
    script: {
      skipped: [{ status: 'skipped', reason: 'nobody answered' }],
      active: ['hang'],
      delayed: [asked],
      blocked: ['dead'],
    },
  })
  const worker = w.work()
  await w.put('default/call:1', 'completed', 'skipped', 'active', 'parked')
  await w.put('default/call:2', 'delayed')
  await w.put('default/call:3', 'blocked', 'behind')
  await waitFor(() => w.labelsOf(lane).includes('active'))
  await waitFor(async () => (await w.states('default/call:2'))['delayed'] === 'delayed')
  await deadJob(w, 'blocked')

  assert.deepEqual(await w.states('default/call:1'), {
    completed: 'completed',
    skipped: 'skipped',
    active: 'active',
    parked: 'parked',
  })
  assert.deepEqual(await w.states('default/call:3'), { blocked: 'blocked', behind: 'parked' })
  await worker.drain(0)
  await w.put('default/call:4', 'waiting')
  assert.deepEqual(await w.states('default/call:4'), { waiting: 'waiting' })
  assert.deepEqual(await w.states('default/call:5'), {}, 'nothing is known of a lane that never was')
})

test('history, of an event that was retried, put off, dead and replayed, has a line for each attempt, with its error', async (t) => {
  const w = await world(t, {
    script: {
      a: [
        'fail',
        { status: 'later', delayMs: 5, cause: 'asked', error: 'busy' },
        { status: 'later', delayMs: 5, cause: 'ceiling', error: 'no attempt at all' },
        'dead',
        { status: 'skipped', reason: 'too late' },
      ],
    },
  })
  w.work()
  const before = Date.now()
  await w.put(lane, 'a')
  await replayJob(w, await deadJob(w, 'a'))
  await w.emptied()

  const { a } = await w.history(lane)
  assert.deepEqual(
    a!.attempts.map(({ attempt, run, outcome, error }) => [attempt, run, outcome, error]),
    [
      [1, 1, 'retry', 'scripted failure'],
      [2, 2, 'later', 'busy'],
      [2, 4, 'dead', 'scripted death'],
      [1, 1, 'skipped', 'too late'],
    ],
  )
  for (const { startedAt, durationMs } of a!.attempts) {
    assert.ok(startedAt >= before && startedAt <= Date.now())
    assert.ok(durationMs >= 0)
  }
})

test('history, of an attempt whose line was written twice by a cut connection, tells it once', async (t) => {
  const proxy = await startProxy(t, suiteRedisUrl())
  const w = await world(t, { env: { KEY_PREFIX: uniquePrefix() }, script: { a: ['fail', 'ok'] } })
  await w.put(lane, 'a')

  const isCut = proxy.cutAt('scripted failure', 'answer')
  w.work({ redis: { ...w.config.redis, url: proxy.url } })
  await isCut
  await w.emptied()

  const { a } = await w.history(lane)
  const runs = a!.attempts.map(({ run }) => run)
  assert.deepEqual(runs, [...new Set(runs)])
})

test('an event whose worker vanished before it could even look, has one line for each start, and none made up', async (t) => {
  const w = await world(t, { script: { a: ['fail', 'fail', 'ok'] } })
  await w.put(lane, 'a')
  const jobId = (await w.redis.hget(w.keys.heads, laneKeyOf(lane))) ?? ''
  // Two workers have died with it, the second before the guard had answered.
  await w.redis.hset(w.keys.job(jobId), 'ats', '2')

  w.work()
  await w.emptied()

  const { a } = await w.history(lane)
  assert.deepEqual(
    a!.attempts.map(({ run, outcome }) => [run, outcome]),
    [
      [1, 'vanished'],
      [2, 'vanished'],
      [3, 'retry'],
      [4, 'retry'],
      [5, 'completed'],
    ],
  )
})

test('the search, for an extension that goes on being seen in one lane, finds it beyond the retention', async (t) => {
  const w = await world(t)
  const retentionMs = 3_600_000
  let now = Date.now()
  const who = whoIndex(w.redis, w.keys, { retentionMs, onRefused: assert.ifError, now: () => now })
  const seen = (at: number) =>
    who.beside(seenAt(w.event('default/exten:991', 'a'), at), async () => ({
      status: 'retry',
      delayMs: 0,
      error: 'not yet',
    }))

  await seen(now)
  const first = Number(await w.redis.zscore(w.keys.who('991'), 'default/exten:991'))
  await w.redis.del(w.keys.who('991'))
  now += retentionMs
  await seen(now)

  assert.equal(Number(await w.redis.zscore(w.keys.who('991'), 'default/exten:991')) - first, retentionMs)
})

test('the search, for an event whose attempt takes long, finds it while it lasts', async (t) => {
  const w = await world(t)
  const who = whoIndex(w.redis, w.keys, { retentionMs: 3_600_000, onRefused: assert.ifError })
  let end = (_outcome: Outcome) => {}
  const outcome = new Promise<Outcome>((resolve) => {
    end = resolve
  })
  const beside = who.beside(seenAt(w.event('default/exten:992', 'a'), Date.now()), () => outcome)
  await waitFor(async () => (await w.redis.zscore(w.keys.who('991'), 'default/exten:992')) !== null)
  end({ status: 'completed' })

  assert.equal((await beside).news?.text, '')
})

/** The event as it is decoded in a worker, seen at this time. */
function seenAt(event: NewEvent, at: number) {
  const named: NewEvent = { ...event, name: 'NewState', data: { exten: '991' }, receivedAt: new Date(at) } as NewEvent
  return decode({ ...JSON.parse(encode(named)), sequence: 1 })
}
