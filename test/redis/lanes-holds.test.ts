/** Lanes, told as stories: a worker's hold on an event, in the very process that lost it to a blocked event loop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Outcome } from '../../src/event/outcome.ts'
import { queueName } from '../../src/queue/keys.ts'
import { quick, type World, world } from '../support/lanes.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'
const completed: Outcome = { status: 'completed' }

test('an attempt that lost its hold and goes on, is joined by no second one in its process, and runs once more', async (t) => {
  const deaf = letGo()
  const w = await world(t, { script: { a: [deaf.held, 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  await waitFor(() => w.starts.length === 1)

  blockLoop(2 * quick.lockMs)
  await fetched(w, 3)
  assert.deepEqual(w.labelsOf(lane), ['a'])
  deaf.go()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'b'])
  const { a } = await w.history(lane)
  assert.deepEqual(
    a?.attempts.map(({ outcome }) => outcome),
    ['vanished', 'completed'],
  )
})

test('an attempt longer than its lock, in a process that lost the hold before it, keeps its own', async (t) => {
  const [deaf, long] = [letGo(), letGo()]
  const w = await world(t, { script: { a: [deaf.held, long.held, 'ok'] } })
  // Long enough that a busy machine renews it in time.
  const lockMs = 2_500
  w.work({ lockMs })
  await w.put(lane, 'a', 'b')
  await waitFor(() => w.starts.length === 1)

  blockLoop(1.5 * lockMs)
  // Put back, since the first attempt still runs here; its end must be over before the next start.
  await waitFor(async () => (await w.states(lane))['a'] === 'delayed')
  deaf.go()
  await waitFor(() => w.starts.length === 2)
  await pause(1.5 * lockMs)
  long.go()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'b'])
})

test('an attempt longer than its lock, under a clock that is set back, keeps its hold', async (t) => {
  const long = letGo()
  const w = await world(t, { script: { a: [long.held, 'ok'] } })
  const lockMs = 2_500
  w.work({ lockMs })
  w.work({ lockMs })
  await w.put(lane, 'a', 'b')
  await waitFor(() => w.starts.length === 1)

  const now = Date.now.bind(Date)
  t.mock.method(Date, 'now', () => now() - 3_600_000)
  await pause(3 * lockMs)
  long.go()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
})

test('a worker that checks for vanished ones, is not kept from its next check by its last one', async (t) => {
  const w = await world(t)
  const monitor = await w.redis.monitor()
  t.after(() => monitor.disconnect())
  const seen: string[] = []
  monitor.on('monitor', (_at: string, [command = '', key]: string[]) => {
    if (key === `${w.keys.base}:${queueName}:stalled-check`) seen.push(command.toUpperCase())
  })

  w.work({ lockMs: 200 })
  await waitFor(() => seen.filter((command) => command === 'EXISTS').length > 20)

  const asked = seen.slice(0, seen.lastIndexOf('EXISTS'))
  assert.deepEqual(
    asked,
    asked.map((_, at) => (at % 2 === 0 ? 'EXISTS' : 'SET')),
  )
})

test('an event that waited in its process until its hold was over, starts only under a new one', async (t) => {
  const w = await world(t)
  await w.put('default/call:1', 'x')
  await w.put('default/call:2', 'y')
  const runs: string[] = []

  // Both are fetched before the first of them starts and blocks the loop.
  w.work({ concurrency: 2 }, ({ eventId }) => {
    runs.push(eventId.slice(0, 1))
    if (runs.length === 1) blockLoop(2 * quick.lockMs)
  })
  await w.emptied()

  assert.equal(runs.filter((label) => label === 'y').length, 1)
  assert.ok(w.starts.find(({ label }) => label === 'y')!.run > 1)
})

function letGo(): { readonly held: Promise<Outcome>; go(): void } {
  let go: () => void = () => {}
  const held = new Promise<Outcome>((resolve) => {
    go = () => resolve(completed)
  })
  return { held, go: () => go() }
}

/** Holds the event loop: no lock is renewed meanwhile. */
function blockLoop(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Waits until Redis has given the lane's head out that many times. */
async function fetched({ redis, keys }: World, times: number): Promise<void> {
  const jobId = (await redis.hget(keys.heads, lane)) ?? ''
  await waitFor(async () => Number(await redis.hget(keys.job(jobId), 'ats')) >= times, {
    what: `${jobId} was given out ${times} times`,
  })
}
