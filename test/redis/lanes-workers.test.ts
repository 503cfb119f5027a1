/** Lanes, told as stories: workers that are stopped, blocked, killed, or lose their hold. Real processes. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { deadJob, upkeep, world } from '../support/lanes.ts'
import { judge, type LedgerLine, readLedger } from '../support/ledger.ts'
import { startScript } from '../support/processes.ts'
import { startProxy } from '../support/proxy.ts'
import { suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

async function scene(t: TestContext, settings: Record<string, string> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-lanes-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const ledger = join(dir, 'ledger.ndjson')
  writeFileSync(ledger, '')
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix, ...settings } })
  const acked: string[] = []
  return {
    w,
    acked,
    ledger: () => readLedger(ledger),
    start: (env: Record<string, string> = {}) =>
      startScript(t, 'test/redis/children/worker.ts', {
        REDIS_URL: suiteRedisUrl(),
        KEY_PREFIX: prefix,
        LEDGER_FILE: ledger,
        ...env,
      }),
    put: async (lane: string, ...labels: string[]) => {
      for (const label of labels) acked.push((await w.lanes.enqueue(w.event(lane, label))).eventId)
    },
    seen: (isIt: (line: LedgerLine) => boolean) => waitFor(() => readLedger(ledger).find(isIt)),
  }
}

const letters = ['a', 'b', 'c', 'd', 'e', 'f']

test('a worker stopped for longer than its lock and then continued, cannot finish what another took over', async (t) => {
  const { w, acked, ledger, start, put, seen } = await scene(t)
  const stopped = start({ MISBEHAVE: 'hang' })
  await put('default/call:1', ...letters)
  await seen(({ what }) => what === 'start')

  stopped.kill('SIGSTOP')
  const other = start()
  await seen(({ what, pid }) => what === 'done' && pid === other.pid)
  stopped.kill('SIGCONT')
  // Its hold is lost: the signal aborts, it ends, and its finish is refused.
  await seen(({ what, pid }) => what === 'done' && pid === stopped.pid)
  await w.emptied()

  const verdict = judge(ledger(), acked)
  assert.deepEqual(verdict.lost, [])
  assert.deepEqual(verdict.overtaken, [])
  assert.equal((await w.redis.zcard(w.keys.completed)) + (await w.redis.zcard(w.keys.failed)), letters.length)
})

test('a worker whose event loop is blocked for twice its lock, advances nothing that another has taken over', async (t) => {
  const { w, acked, ledger, start, put } = await scene(t)
  start({ MISBEHAVE: 'block' })
  start({ MISBEHAVE: 'block' })

  await put('default/call:1', 'a', 'b')
  await put('default/call:2', 'c', 'd')
  await w.emptied(40_000)

  const verdict = judge(ledger(), acked)
  assert.deepEqual(verdict.lost, [])
  assert.deepEqual(verdict.overtaken, [])
  assert.equal(await w.redis.zcard(w.keys.failed), 0)
})

test('workers killed again and again under load, lose nothing and overtake nothing', async (t) => {
  const { w, acked, ledger, start, put, seen } = await scene(t)
  const workers = [start(), start(), start()]
  const lanes = Array.from({ length: 12 }, (_, index) => `default/call:${index}`)

  for (let round = 0; round < 6; round += 1) {
    const before = acked.length
    for (const lane of lanes) await put(lane, `${round}a`, `${round}b`, `${round}c`)
    await seen(({ what, eventId }) => what === 'start' && acked.indexOf(eventId) >= before)
    workers[round % 3]?.kill('SIGKILL')
    workers[round % 3] = start()
  }
  await w.emptied(40_000)

  const verdict = judge(ledger(), acked)
  assert.deepEqual(verdict.lost, [])
  assert.deepEqual(verdict.overtaken, [])
})

for (const cut of ['request', 'answer'] as const) {
  test(`a worker killed in the moment in which the ${cut} of its finish is on the way, loses nothing and overtakes nothing`, async (t) => {
    const proxy = await startProxy(t, suiteRedisUrl())
    const { w, acked, ledger, start, put } = await scene(t)
    await put('default/call:1', ...letters)
    await put('default/call:2', ...letters)

    const isCut = proxy.cutAt('returnvalue', cut)
    const victim = start({ REDIS_URL: proxy.url })
    await isCut
    victim.kill('SIGKILL')
    await victim.exit
    start()
    await w.emptied()

    const verdict = judge(ledger(), acked)
    assert.deepEqual(verdict.lost, [])
    assert.deepEqual(verdict.overtaken, [])
    assert.equal(await w.redis.zcard(w.keys.completed), acked.length)
  })
}

test('a producer killed again and again under load, has in every lane what it acknowledged, in order', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-lanes-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const ledger = join(dir, 'acks')
  writeFileSync(ledger, '')
  const acks = () => readFileSync(ledger, 'utf8').trim().split('\n')
  const w = await world(t, { env: { KEY_PREFIX: uniquePrefix() } })
  const lanes = Array.from({ length: 8 }, (_, index) => `default/call:${index}`)

  for (let run = 1; run <= 4; run += 1) {
    const before = acks().length
    const producer = startScript(t, 'test/redis/children/producer.ts', {
      REDIS_URL: suiteRedisUrl(),
      KEY_PREFIX: w.config.keys.prefix,
      LEDGER_FILE: ledger,
      LANES: lanes.join(','),
      RUN: String(run),
    })
    await waitFor(() => acks().length > before + 50 * run)
    producer.kill('SIGKILL')
    await producer.exit
  }
  w.work({ concurrency: 64 })
  await w.emptied(60_000)

  for (const lane of lanes) {
    const started = w.labelsOf(lane)
    assert.deepEqual(started, [...started].sort(), 'no event before an earlier one')
    const labels = new Set(started)
    assert.equal(labels.size, started.length, 'each once')
    assert.deepEqual(
      acks().filter((line) => line.startsWith(`${lane} `) && !labels.has(line.slice(lane.length + 1))),
      [],
    )
  }
})

test('an event that kills its worker at every start, becomes a dead letter without another start, and its lane goes on', async (t) => {
  const { w, ledger, start, put } = await scene(t)
  await put('default/call:1', 'poison', 'behind')
  const jobId = (await w.redis.hget(w.keys.heads, 'default/call:1')) ?? ''
  // Ten workers have died of it already; counting them one by one would take minutes.
  await w.redis.hset(w.keys.job(jobId), 'stc', '10')
  const victim = start({ MISBEHAVE: 'die' })
  assert.equal(await victim.exit, 'SIGKILL')

  start()
  await deadJob(w, 'poison')
  await w.emptied()

  const starts = ledger().filter(({ what, eventId }) => what === 'start' && eventId.startsWith('poison'))
  assert.equal(starts.length, 1)
  const history = await w.history('default/call:1')
  assert.equal(history['poison']?.state, 'dead')
  assert.match(history['poison']?.attempts.at(-1)?.error ?? '', /stalled/)
  assert.equal(history['behind']?.state, 'completed')
})

test('a killed attempt, leaves a line in the record once another has taken over', async (t) => {
  const { w, start, put, seen } = await scene(t)
  const first = start({ MISBEHAVE: 'hang' })
  await put('default/call:1', 'a')
  await seen(({ what }) => what === 'start')
  first.kill('SIGKILL')

  start()
  await w.emptied()

  const { a } = await w.history('default/call:1')
  assert.deepEqual(
    a?.attempts.map(({ outcome, run }) => [outcome, run]),
    [
      ['vanished', 1],
      ['completed', 2],
    ],
  )
})

test('workers whose clocks are hours apart, keep the order', async (t) => {
  const { w, acked, ledger, start, put } = await scene(t)
  start({ CLOCK_SHIFT_MS: String(3_600_000) })
  start({ CLOCK_SHIFT_MS: String(-3_600_000) })
  start()
  const lanes = Array.from({ length: 10 }, (_, index) => `default/call:${index}`)

  for (const label of letters) for (const lane of lanes) await put(lane, label)
  await w.emptied()

  assert.deepEqual(judge(ledger(), acked).overtaken, [])
  assert.deepEqual(judge(ledger(), acked).lost, [])
})

test('an event finished by a worker whose clock is an hour behind, is kept as long as any other', async (t) => {
  const { w, start } = await scene(t, { RETENTION_MAX_EVENTS: '0' })
  const trimmer = await upkeep(t, w)
  start({ CLOCK_SHIFT_MS: String(-3_600_000) })
  const event = w.event('default/call:1', 'a')
  await w.lanes.enqueue(event)
  await w.emptied()

  const { trimmed } = await trimmer.pass()

  assert.equal(trimmed, 0)
  assert.equal((await w.lanes.enqueue(event)).isNew, false, 'a late repeat is still known')
})
