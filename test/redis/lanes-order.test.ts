/** Lanes, told as stories: order, isolation, retries, duplicates. On a real Redis, with the enqueue that ships. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from '../support/lanes.ts'
import { waitFor } from '../support/wait.ts'

const letters = (count: number) => Array.from({ length: count }, (_, index) => `e${String(index).padStart(3, '0')}`)

test('lanes, given many events of one call, run them in the order in which they came', async (t) => {
  const w = await world(t)
  w.work()
  const labels = letters(60)

  await w.put('default/call:1', ...labels)
  await w.emptied()

  assert.deepEqual(w.labelsOf('default/call:1'), labels)
  const sequences = w.starts.map(({ sequence }) => sequence)
  assert.deepEqual(
    sequences,
    [...sequences].sort((a, b) => a - b),
  )
})

test('lanes, when the head fails twice with backoff, keep the followers parked until it completes', async (t) => {
  const w = await world(t, { script: { a: ['fail', 'fail', 'ok'] } })
  await w.put('default/call:1', 'a', 'b', 'c')
  assert.equal(await w.redis.llen(w.keys.lane('default/call:1')), 2)

  w.work()
  await w.emptied()

  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'a', 'a', 'b', 'c'])
  assert.deepEqual(
    w.starts.map(({ attempt }) => attempt),
    [1, 2, 3, 1, 1],
  )
})

test('one slot that goes on from event to event, treats each of them as if it were the first', async (t) => {
  const put = (cause: 'asked' | 'ceiling') => ({ status: 'later', delayMs: 1, cause, error: 'not now' }) as const
  const script = { b: ['fail', 'ok'], c: ['dead'], d: [put('asked'), 'ok'], e: [put('ceiling'), 'ok'] } as const
  const w = await world(t, { script })
  const lane = 'default/call:1'
  await w.put(lane, 'a', 'b', 'c', 'd', 'e', 'f', 'g')
  // Something else to hand out after each end.
  for (const other of letters(20)) await w.put(`default/call:${other}`, other)

  const worker = w.work({ concurrency: 1 })
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'b', 'c', 'd', 'd', 'e', 'e', 'f', 'g'])
  const attempts = Object.entries(await w.history(lane)).map(([label, event]) => [
    label,
    event.state,
    event.attempts.length,
  ])
  assert.deepEqual(attempts, [
    ['a', 'completed', 1],
    ['b', 'completed', 2],
    ['c', 'dead', 1],
    ['d', 'completed', 2],
    ['e', 'completed', 1],
    ['f', 'completed', 1],
    ['g', 'completed', 1],
  ])
  await w.put(lane, 'h')
  await waitFor(() => w.labelsOf(lane).at(-1) === 'h')
  assert.deepEqual(await worker.drain(5_000), { clean: true })
})

test('lanes, when one hangs, delay no other', async (t) => {
  const w = await world(t, { script: { stuck: ['hang'] } })
  w.work()
  await w.put('default/call:1', 'stuck', 'behind')

  await w.put('default/call:2', 'a', 'b', 'c')
  await waitFor(() => w.labelsOf('default/call:2').length === 3)

  assert.deepEqual(w.labelsOf('default/call:1'), ['stuck'])
})

test('lanes, with two workers, never run two events of one lane at a time', async (t) => {
  const w = await world(t)
  w.work()
  w.work()
  const names = Array.from({ length: 20 }, (_, index) => `default/call:${index}`)

  await Promise.all(names.map((lane) => w.put(lane, ...letters(15).map((label) => `${lane.slice(13)}-${label}`))))
  await w.emptied()

  for (const lane of names)
    assert.deepEqual(
      w.labelsOf(lane),
      letters(15).map((label) => `${lane.slice(13)}-${label}`),
    )
})

test('enqueue, given the same event id again, takes it once and says so', async (t) => {
  const w = await world(t)
  const event = w.event('default/call:1', 'a')

  const first = await w.lanes.enqueue(event)
  const second = await w.lanes.enqueue(event)

  assert.equal(first.isNew, true)
  assert.deepEqual(second, { ...first, isNew: false })
  w.work()
  await w.emptied()
  assert.deepEqual(w.labelsOf('default/call:1'), ['a'])
  assert.deepEqual(await w.lanes.enqueue(event), { ...first, isNew: false }, 'known after it completed, too')
})

test('enqueue, given the same event id five times at once, takes it once', async (t) => {
  const w = await world(t)
  const event = w.event('default/call:1', 'a')

  const answers = await Promise.all(Array.from({ length: 5 }, () => w.lanes.enqueue(event)))

  assert.equal(answers.filter(({ isNew }) => isNew).length, 1)
  assert.equal(new Set(answers.map(({ sequence }) => sequence)).size, 1)
})

test('lanes, when an event is put off, wait for it without using an attempt', async (t) => {
  const w = await world(t, {
    script: {
      a: [
        { status: 'later', delayMs: 20, cause: 'asked', error: 'busy' },
        { status: 'later', delayMs: 0, cause: 'ceiling', error: 'full' },
        'ok',
      ],
    },
  })
  w.work()

  await w.put('default/call:1', 'a', 'b')
  await w.emptied()

  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'a', 'a', 'b'])
  assert.deepEqual(w.starts.map(({ attempt, run }) => [attempt, run]).slice(0, 3), [
    [1, 1],
    [1, 2],
    [1, 3],
  ])
})

test('a lane with a name from the wire of any length and any characters, keeps its events in order', async (t) => {
  const w = await world(t)
  const lane = `default/queue:${'صف فروش '.repeat(200)}\n\0{x}%41:0912`
  w.work()

  await w.put(lane, 'a', 'b', 'c')
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
})

test('sequences, in a lane idle until its record was trimmed away, still grow', async (t) => {
  const w = await world(t)
  const first = await w.lanes.enqueue(w.event('default/exten:991', 'a'))
  w.work()
  await w.emptied()
  await w.redis.del(w.keys.call('default/exten:991'))

  const second = await w.lanes.enqueue(w.event('default/exten:991', 'b'))

  assert.ok(second.sequence > first.sequence)
  assert.ok(second.sequence < Number.MAX_SAFE_INTEGER)
})

test('a lane at MAX_LANE_EVENTS refuses for itself alone', async (t) => {
  const w = await world(t, { env: { MAX_LANE_EVENTS: '2' } })
  await w.put('default/call:1', 'a', 'b')

  await assert.rejects(w.put('default/call:1', 'c'), { code: 'BRIDGE_EVENT_REFUSED' })
  await w.put('default/call:2', 'd')

  w.work()
  await w.emptied()
  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'b'])
})

test('events from ingresses whose clocks are hours apart, run in the order in which Redis took them', async (t) => {
  const w = await world(t)
  const hours = [0, 1, -1, 5, -5]
  for (const [index, shift] of hours.entries()) {
    const event = w.event('default/call:1', `e${index}`)
    await w.lanes.enqueue({ ...event, receivedAt: new Date(Date.now() + shift * 3_600_000) })
  }

  w.work()
  await w.emptied()

  assert.deepEqual(w.labelsOf('default/call:1'), ['e0', 'e1', 'e2', 'e3', 'e4'])
})

test('sequences, after the clock of Redis was set back, still grow', async (t) => {
  const w = await world(t)
  const inAnHour = (Date.now() + 3_600_000) * 1_000
  await w.redis.zadd(w.keys.call('default/call:1'), inAnHour, 'an-earlier-event')

  const first = await w.lanes.enqueue(w.event('default/call:1', 'a'))
  const second = await w.lanes.enqueue(w.event('default/call:1', 'b'))

  assert.deepEqual([first.sequence, second.sequence], [inAnHour + 1, inAnHour + 2])
})

test('lanes with no sweep at all, lose nothing: every step is whole by itself', async (t) => {
  const w = await world(t, { script: { b: ['fail', 'ok'], c: ['dead'] } })
  await w.redis.set(w.keys.sweeper, 'nobody')
  w.work()
  const names = Array.from({ length: 10 }, (_, index) => `default/call:${index}`)

  await Promise.all(names.map((lane) => w.put(lane, 'a', 'b', 'c', 'd')))
  await w.emptied()

  assert.equal(w.ends.filter(({ status }) => status === 'completed' || status === 'dead').length, 40)
})
