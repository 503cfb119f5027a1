/**
 * One attempt: what a processor may do, and the outcome of it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PermanentError, RetryLaterError } from '../../src/errors.ts'
import type { Event } from '../../src/event/event.ts'
import type { Attempt, Outcome } from '../../src/event/outcome.ts'
import { createLog } from '../../src/log.ts'
import { runAttempt } from '../../src/runner/attempt.ts'
import { type Context, defineProcessor, type Process } from '../../src/runner/define.ts'
import type { Settled } from '../../src/runner/options.ts'

const event: Event<'Cdr'> = {
  name: 'Cdr',
  eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
  source: 'default',
  callId: '1700000000.101',
  lane: 'default/call:1700000000.101',
  sequence: 7,
  receivedAt: new Date(0),
  data: { src: '09120000101' },
  problems: [],
  raw: { method: 'POST', path: '/', query: '', contentType: 'application/json', body: '{}', bodyEncoding: 'utf8' },
}

const settled: Settled = {
  attempts: 3,
  timeoutMs: 10_000,
  backoff: { firstMs: 1_000, maxMs: 60_000, jitter: 0 },
  concurrency: 1,
  retryLaterMaxMs: 60_000,
}

type With = Partial<Attempt> & { settled?: Partial<Settled>; now?: () => number; lines?: string[] }

async function outcomeOf(process: Process<'Cdr'>, { settled: some, now, lines = [], ...attempt }: With = {}) {
  const log = createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } })
  const { outcome } = await runAttempt(
    defineProcessor('Cdr', process),
    event,
    { attempt: 1, run: 1, putOffSince: undefined, signal: new AbortController().signal, ...attempt },
    { ...settled, ...some },
    { log, random: () => 0, ...(now === undefined ? {} : { now }) },
  )
  return outcome
}

const throwing = (thrown: unknown): Process<'Cdr'> => {
  return async () => {
    throw thrown
  }
}
const errorOf = (outcome: Outcome): string => ('error' in outcome ? outcome.error : '')
const never = (): Promise<void> => new Promise(() => {})

test('attempt, whose processor returns, is completed', async () => {
  assert.deepEqual(await outcomeOf(async () => {}), { status: 'completed' })
  assert.deepEqual(await outcomeOf(() => {}), { status: 'completed' })
})

test('attempt, whose processor skips, is skipped with the reason, or without one', async () => {
  assert.deepEqual(await outcomeOf((_, ctx) => ctx.skip('nobody answered')), {
    status: 'skipped',
    reason: 'nobody answered',
  })
  assert.deepEqual(await outcomeOf(async (_, ctx) => ctx.skip()), { status: 'skipped' })
})

test('attempt, whose reason to skip holds a number and goes on for pages, keeps it masked and short', async () => {
  const outcome = await outcomeOf((_, ctx) => ctx.skip(`09120000101 ${'x'.repeat(5_000)}`))

  const reason = outcome.status === 'skipped' ? (outcome.reason ?? '') : ''
  assert.ok(reason.startsWith('0912*****01 x') && Buffer.byteLength(reason) <= 1_024, reason)
})

test('attempt, whose processor returns something else, is completed and warns once', async () => {
  const lines: string[] = []
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } })
  const processor = defineProcessor('Cdr', (() => ({ status: 'skipped' })) as never)
  const once = { attempt: 1, run: 1, putOffSince: undefined, signal: new AbortController().signal }

  const first = await runAttempt(processor, event, once, settled, { log })
  const second = await runAttempt(processor, event, once, settled, { log })

  assert.deepEqual([first.outcome, second.outcome], [{ status: 'completed' }, { status: 'completed' }])
  assert.equal(lines.filter((line) => line.includes('returned a value')).length, 1)
})

test('attempt, whose processor forgets to return the skip, is completed and warns', async () => {
  const lines: string[] = []

  const outcome = await outcomeOf((_, ctx) => void ctx.skip('forgotten'), { lines })

  assert.deepEqual(outcome, { status: 'completed' })
  assert.match(lines.join(''), /did not return what it gives/)
})

test('attempt, whose processor gets its context, knows which attempt of how many it is', async () => {
  let seen: Context | undefined
  await outcomeOf(
    async (_, ctx) => {
      seen = ctx
    },
    { attempt: 2, run: 5 },
  )

  assert.deepEqual([seen?.attempt, seen?.attempts, seen?.run, seen?.signal.aborted], [2, 3, 5, false])
})

test('attempt, whose processor throws, is retried after the backoff, and dead after the last one', async () => {
  const fail = throwing(new Error('CRM answered 500'))

  assert.deepEqual(await outcomeOf(fail), { status: 'retry', delayMs: 1_000, error: 'CRM answered 500' })
  assert.deepEqual(await outcomeOf(fail, { attempt: 2 }), {
    status: 'retry',
    delayMs: 2_000,
    error: 'CRM answered 500',
  })
  assert.deepEqual(await outcomeOf(fail, { attempt: 3 }), { status: 'dead', error: 'CRM answered 500' })
  assert.deepEqual(await outcomeOf(fail, { attempt: 9 }), { status: 'dead', error: 'CRM answered 500' })
})

test('attempt, whose processor throws without being async, is retried', async () => {
  const outcome = await outcomeOf(() => {
    throw new TypeError('x is not a function')
  })

  assert.deepEqual(outcome, { status: 'retry', delayMs: 1_000, error: 'TypeError: x is not a function' })
})

test('attempt, whose processor refuses the event for good, is dead at once', async () => {
  assert.deepEqual(await outcomeOf(throwing(new PermanentError('CRM refused call 1700000000.101'))), {
    status: 'dead',
    error: 'CRM refused call 1700000000.101',
  })
})

test('attempt, whose processor asks for later, is put off and uses no attempt, the last one neither', async () => {
  const busy = throwing(new RetryLaterError('CRM is busy', { delayMs: 30_000 }))

  assert.deepEqual(await outcomeOf(busy, { attempt: 3 }), {
    status: 'later',
    delayMs: 30_000,
    cause: 'asked',
    error: 'CRM is busy',
  })
})

test('attempt, put off for longer than the limit, is dead; just before it, put off to the limit', async () => {
  const busy = throwing(new RetryLaterError('CRM is busy', { delayMs: 30_000 }))
  const now = () => 1_000_000

  const before = await outcomeOf(busy, { putOffSince: now() - 50_000, now })
  const after = await outcomeOf(busy, { putOffSince: now() - 60_000, now })

  assert.deepEqual(before, { status: 'later', delayMs: 10_000, cause: 'asked', error: 'CRM is busy' })
  assert.equal(after.status, 'dead')
  assert.match(errorOf(after), /RETRY_LATER_MAX_MS \(60000 ms\), last because: CRM is busy/)
})

test('attempt, with RETRY_LATER_MAX_MS of 0, is dead the first time it is put off', async () => {
  const busy = throwing(new RetryLaterError('CRM is busy', { delayMs: 1 }))

  assert.equal((await outcomeOf(busy, { settled: { retryLaterMaxMs: 0 } })).status, 'dead')
})

test('attempt, whose clock was set back since it was put off, is put off for no longer than the limit', async () => {
  const busy = throwing(new RetryLaterError('CRM is busy', { delayMs: 90_000 }))

  const outcome = await outcomeOf(busy, { putOffSince: 5_000_000, now: () => 1_000_000 })

  assert.equal(outcome.status === 'later' && outcome.delayMs, 60_000)
})

test('attempt, whose decision is made by another copy of the module, is understood by its code', async () => {
  const permanent = Object.assign(new Error('no'), { code: 'BRIDGE_PERMANENT' })
  const later = Object.assign(new Error('wait'), { code: 'BRIDGE_RETRY_LATER', delayMs: 7 })
  const odd = Object.assign(new Error('wait'), { code: 'BRIDGE_RETRY_LATER', delayMs: 'soon' })

  assert.equal((await outcomeOf(throwing(permanent))).status, 'dead')
  assert.deepEqual(await outcomeOf(throwing(later)), { status: 'later', delayMs: 7, cause: 'asked', error: 'wait' })
  assert.deepEqual(await outcomeOf(throwing(odd)), { status: 'later', delayMs: 1_000, cause: 'asked', error: 'wait' })
})

test('attempt, whose processor never ends, has failed at its timeout and its signal says why', async () => {
  let signal: AbortSignal | undefined

  const outcome = await outcomeOf(
    (_, ctx) => {
      signal = ctx.signal
      return never()
    },
    { settled: { timeoutMs: 20 } },
  )

  assert.deepEqual(outcome, { status: 'retry', delayMs: 1_000, error: 'no end after 20 ms (timeoutMs)' })
  assert.equal(signal?.aborted, true)
  assert.match(String(signal?.reason), /no end after 20 ms/)
})

test('attempt, whose processor heeds the signal and rejects or returns, has timed out all the same', async () => {
  const rejects = await outcomeOf(
    (_, ctx) =>
      new Promise((_resolve, reject) =>
        ctx.signal.addEventListener('abort', () => reject(new PermanentError('aborted'))),
      ),
    { settled: { timeoutMs: 20 } },
  )
  const returns = await outcomeOf(
    (_, ctx) => new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve())),
    {
      settled: { timeoutMs: 20 },
    },
  )

  assert.match(errorOf(rejects), /no end after 20 ms/)
  assert.match(errorOf(returns), /no end after 20 ms/)
})

test('attempt, abandoned at its timeout, fails later without an unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  let failLate: (reason: unknown) => void = () => {}
  const lines: string[] = []

  await outcomeOf(() => new Promise((_, reject) => (failLate = reject)), { settled: { timeoutMs: 5 }, lines })
  failLate(new Error('too late for 09120000101'))
  await new Promise((resolve) => setImmediate(resolve))

  assert.deepEqual(unhandled, [])
  assert.match(lines.join(''), /too late for 0912\*\*\*\*\*01.*abandoned processor failed/)
})

test('attempt, cut short by a drain or a lost lock, is put off and not failed', async () => {
  const drain = new AbortController()
  let signal: AbortSignal | undefined

  const outcome = await outcomeOf(
    (_, ctx) => {
      signal = ctx.signal
      drain.abort(new Error('drain'))
      return never()
    },
    { signal: drain.signal, attempt: 3 },
  )

  assert.equal(outcome.status === 'later' && outcome.cause, 'shutdown')
  assert.equal(String(signal?.reason), 'Error: drain')
})

test('attempt, of a worker that stops already, does not call the processor', async () => {
  const outcome = await outcomeOf(() => assert.fail('called'), { signal: AbortSignal.abort() })

  assert.equal(outcome.status === 'later' && outcome.cause, 'shutdown')
})

test('attempt, that has ended, leaves no listener and no timer behind', async () => {
  const drain = new AbortController()
  let signal: AbortSignal | undefined

  await outcomeOf(
    async (_, ctx) => {
      signal = ctx.signal
    },
    { signal: drain.signal, settled: { timeoutMs: 5 } },
  )
  drain.abort()
  await new Promise((resolve) => setTimeout(resolve, 10))

  assert.equal(signal?.aborted, false)
})

const revoked = Proxy.revocable({}, {})
revoked.revoke()
const hostile = {
  get message() {
    throw new Error('getter')
  },
  get code() {
    throw new Error('getter')
  },
  get cause() {
    throw new Error('getter')
  },
  toString() {
    throw new Error('toString')
  },
  toJSON() {
    throw new Error('toJSON')
  },
}
const circular: Error & { cause?: unknown } = new Error('round')
circular.cause = circular

const thrownThings: readonly (readonly [string, unknown, string | RegExp])[] = [
  ['null', null, 'null was thrown'],
  ['undefined', undefined, 'undefined was thrown'],
  ['a text', 'no luck', 'no luck'],
  ['an empty text', '', 'an empty text was thrown'],
  ['a number', 42, '42 was thrown'],
  ['a symbol', Symbol('s'), 'Symbol(s) was thrown'],
  ['a function', () => {}, 'a function was thrown'],
  ['an object', { status: 500 }, '{"status":500} was thrown'],
  ['an object with a secret', { status: 401, headers: { Authorization: 'Basic x' } }, /"Authorization":"\*\*\*"/],
  ['an object whose getters throw', hostile, 'an object that cannot be read was thrown'],
  ['a revoked proxy', revoked.proxy, 'an object that cannot be read was thrown'],
  ['an error without a message', new Error(), 'an error without a message'],
  ['a class of its own', new RangeError('out'), 'RangeError: out'],
  ['causes', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a; caused by b; caused by c'],
  ['a cause that is itself', circular, 'round'],
  [
    'several errors',
    new AggregateError([new Error('::1'), new Error('127.0.0.1')], 'both'),
    'AggregateError: both; caused by ::1; caused by 127.0.0.1',
  ],
  ['a number in a message', new Error('no customer 09120000101'), 'no customer 0912*****01'],
  ['credentials in an address', new Error('GET http://me:secret@crm/ failed'), 'GET http://***@crm/ failed'],
  ['control characters', new Error('a\u0000b\u001b[31mc'), 'a b [31mc'],
  ['a message of megabytes', new Error('é'.repeat(5_000_000)), /^é+…$/],
]

for (const [what, thrown, expected] of thrownThings) {
  test(`attempt, whose processor throws ${what}, is retried with a readable error`, async () => {
    const outcome = await outcomeOf(throwing(thrown))

    assert.equal(outcome.status, 'retry')
    if (typeof expected === 'string') assert.equal(errorOf(outcome), expected)
    else assert.match(errorOf(outcome), expected)
    assert.ok(Buffer.byteLength(errorOf(outcome)) <= 1_024)
  })
}

test('attempt, whose context is copied before signal and log were asked for, has both in the copy', async () => {
  const lines: string[] = []
  let copy: Context | undefined

  await outcomeOf(
    (_, ctx) => {
      copy = { ...ctx }
      copy.log.info('by the copy')
      assert.ok(Object.isFrozen(ctx))
    },
    { lines },
  )

  assert.equal(copy?.signal.aborted, false)
  assert.match(lines.join(''), /by the copy/)
})

test('attempt, whose signal is first asked for after its timeout, gives one that has aborted', async () => {
  let context: Context | undefined

  await outcomeOf(
    (_, ctx) => {
      context = ctx
      return never()
    },
    { settled: { timeoutMs: 20 } },
  )

  assert.equal(context?.signal.aborted, true)
  assert.match(String(context?.signal.reason), /no end after 20 ms/)
})
