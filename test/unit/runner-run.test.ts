/**
 * The runner: which processor, how many at a time, what is logged; and that it never rejects.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventName } from '../../src/event/catalogue.ts'
import type { Event } from '../../src/event/event.ts'
import type { Attempt } from '../../src/event/outcome.ts'
import { createLog } from '../../src/log.ts'
import { createCeiling } from '../../src/runner/ceiling.ts'
import { defineProcessor, type Processor } from '../../src/runner/define.ts'
import { type Registry, registryOf } from '../../src/runner/load.ts'
import type { Defaults } from '../../src/runner/options.ts'
import { createRunner } from '../../src/runner/runner.ts'

const defaults: Defaults = {
  attempts: 20,
  timeoutMs: 10_000,
  backoff: { firstMs: 1_000, maxMs: 300_000 },
  concurrency: 64,
  retryLaterMaxMs: 86_400_000,
}

const attempt: Attempt = { attempt: 1, run: 2, putOffSince: undefined, signal: new AbortController().signal }

function eventNamed(name: EventName): Event {
  return {
    name,
    eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
    source: 'default',
    callId: null,
    lane: 'default/number:09120000101',
    sequence: 7,
    receivedAt: new Date(0),
    data: {},
    problems: [],
    raw: { method: 'GET', path: '/', query: '', contentType: '', body: '', bodyEncoding: 'utf8' },
  } as Event
}

function registry(...processors: readonly Processor[]): Registry {
  return registryOf(
    new Map(processors.flatMap((processor) => processor.names.map((name) => [name, { processor, path: name }]))),
  )
}

function linesOf() {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    level: 'trace',
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  })
  return { lines, log }
}

function runnerOf(...processors: readonly Processor[]) {
  const { lines, log } = linesOf()
  return { lines, run: createRunner({ processors: registry(...processors), defaults, log, random: () => 0 }) }
}

test('runner, given an event with a processor of its own and one for the rest, runs its own', async () => {
  const ran: string[] = []
  const { run } = runnerOf(
    defineProcessor('Cdr', () => void ran.push('cdr')),
    defineProcessor('*', (event) => void ran.push(`any ${event.name}`)),
  )

  await run(eventNamed('Cdr'), attempt)
  await run(eventNamed('Unknown'), attempt)

  assert.deepEqual(ran, ['cdr', 'any Unknown'])
})

test('runner, given an event without a processor, skips it and says so', async () => {
  const { run, lines } = runnerOf(defineProcessor('Cdr', () => {}))

  assert.deepEqual(await run(eventNamed('Ping'), attempt), { status: 'skipped', reason: 'no processor' })
  assert.deepEqual(
    [lines[0]?.['outcome'], lines[0]?.['reason'], lines[0]?.['level']],
    ['skipped', 'no processor', 'info'],
  )
})

test('runner, for each outcome, writes one line of its own level with the fixed fields, the lane masked', async () => {
  const { run, lines } = runnerOf(
    defineProcessor('Cdr', () => {}),
    defineProcessor('Ping', { attempts: 2 }, () => {
      throw new Error('no')
    }),
  )

  await run(eventNamed('Cdr'), attempt)
  await run(eventNamed('Ping'), attempt)
  await run(eventNamed('Ping'), { ...attempt, attempt: 2 })

  const { time, durationMs, ...completed } = lines[0] ?? {}
  assert.deepEqual(completed, {
    level: 'info',
    eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
    event: 'Cdr',
    lane: 'default/number:0912*****01',
    callId: null,
    attempt: 1,
    outcome: 'completed',
    run: 2,
    msg: 'event completed',
  })
  assert.ok(typeof time === 'string' && typeof durationMs === 'number')
  assert.deepEqual([lines[1]?.['level'], lines[1]?.['outcome'], lines[1]?.['error']], ['warn', 'retry', 'no'])
  assert.match(String(lines[1]?.['stack']), /runner-run\.test\.ts/)
  assert.deepEqual([lines[2]?.['level'], lines[2]?.['outcome'], lines[2]?.['msg']], ['error', 'dead', 'event dead'])
  assert.equal(lines.length, 3)
})

test('runner, with a processor at its own ceiling, puts the event off without running it, and takes it once a place is free', async () => {
  let release: () => void = () => {}
  let runs = 0
  const { run, lines } = runnerOf(
    defineProcessor('Cdr', { concurrency: 1 }, () => {
      runs++
      return new Promise<void>((resolve) => (release = resolve))
    }),
    defineProcessor('Ping', () => {}),
  )

  const first = run(eventNamed('Cdr'), attempt)
  const second = await run(eventNamed('Cdr'), attempt)
  const other = await run(eventNamed('Ping'), attempt)
  release()
  await first
  const third = run(eventNamed('Cdr'), attempt)
  release()

  assert.equal(second.status === 'later' && second.cause, 'ceiling')
  assert.ok(second.status === 'later' && second.delayMs >= 50 && second.delayMs <= 10_000)
  assert.equal(other.status, 'completed')
  assert.equal((await third).status, 'completed')
  assert.equal(runs, 2)
  assert.equal(lines[0]?.['level'], 'debug')
})

test('runner, whose processor failed or timed out at its ceiling, has the place free again', async () => {
  const { run } = runnerOf(
    defineProcessor('Cdr', { concurrency: 1, timeoutMs: 5 }, () => new Promise(() => {})),
    defineProcessor('Ping', { concurrency: 1 }, () => {
      throw new Error('no')
    }),
  )

  for (const name of ['Cdr', 'Cdr', 'Ping', 'Ping'] as const) {
    assert.equal((await run(eventNamed(name), attempt)).status, 'retry')
  }
})

test('runner, with a fault of its own, gives an outcome all the same', async () => {
  const { log } = linesOf()
  const processors: Registry = {
    find: () => {
      throw new Error('fault')
    },
    list: [],
  }
  const run = createRunner({ processors, defaults, log })

  const outcome = await run(eventNamed('Cdr'), attempt)

  assert.deepEqual(outcome, { status: 'retry', delayMs: 300_000, error: 'fault in the runner: fault' })
})

test('runner, whose log cannot be written, keeps the outcome of the processor', async () => {
  const log = createLog({
    destination: {
      write: () => {
        throw new Error('EPIPE')
      },
    },
  })
  const run = createRunner({ processors: registry(defineProcessor('Cdr', () => {})), defaults, log })

  assert.deepEqual(await run(eventNamed('Cdr'), attempt), { status: 'completed' })
})

test('ceiling, with many events waiting, calls them back one turn after the other, and none later than 10 s', () => {
  let time = 0
  const ceiling = createCeiling(
    2,
    () => 0,
    () => time,
  )
  const leave = ceiling.enter()
  time = 1_000
  leave?.()

  const delays = Array.from({ length: 100 }, () => ceiling.delayMs())

  const first = delays.slice(0, 20)
  assert.ok(
    first.every((delay, at) => at === 0 || delay > (first[at - 1] ?? 0)),
    String(first),
  )
  assert.equal(Math.max(...delays), 10_000)
})
