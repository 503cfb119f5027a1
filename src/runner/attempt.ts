/**
 * One attempt: gives the processor its event and context, ends it at its timeout, and turns whatever happens into an
 * Outcome. The only place that classifies a processor's failure. Knows no queue, no Redis and no settings: plain values in,
 * an outcome out. Never rejects.
 */
import { BridgeError } from '../errors.ts'
import type { Event } from '../event/event.ts'
import type { Attempt, Outcome } from '../event/outcome.ts'
import type { Log } from '../log.ts'
import { backoffMs } from './backoff.ts'
import { AttemptContext } from './context.ts'
import type { Context, Processor, Skipped } from './define.ts'
import type { Settled } from './options.ts'
import { describeThrown, propertyOf, safeText, stackOf } from './thrown.ts'

export type AttemptTools = {
  /** Bound to the event already; the processor gets it as `ctx.log`. */
  readonly log: Log
  /** 0 to 1; Math.random by default. */
  readonly random?: () => number
  /** Epoch milliseconds; Date.now by default. */
  readonly now?: () => number
}

/** How an attempt ended. `stack` of an unexpected failure is for the log only; masked. */
export type Ended = { readonly outcome: Outcome; readonly stack?: string | undefined }

/**
 * Runs one attempt. Return -> completed; `ctx.skip()` -> skipped; PermanentError -> dead; RetryLaterError -> later, or dead
 * once `retryLaterMaxMs` has passed since the first; any other throw and the timeout -> retry, or dead on the last
 * attempt; `attempt.signal` aborted -> later, with cause `shutdown`. At the timeout and on abort it does not wait for the
 * processor: code that ignores its signal is abandoned, and what it does after that is only logged.
 */
export async function runAttempt(
  processor: Processor,
  event: Event,
  attempt: Attempt,
  settled: Settled,
  tools: AttemptTools,
): Promise<Ended> {
  const { random = Math.random, now = Date.now } = tools
  if (attempt.signal.aborted) return { outcome: cutShort }
  const context = new AttemptContext({
    attempt: attempt.attempt,
    attempts: settled.attempts,
    run: attempt.run,
    tools,
  })

  const end = await new Promise<End>((resolve) => {
    let over = false
    const finish = (how: End) => {
      if (over) return
      over = true
      clearTimeout(timer)
      attempt.signal.removeEventListener('abort', onAbort)
      resolve(how)
    }
    // The attempt ends before the signal aborts: what the processor does on it, throwing included, comes too late to count.
    const cut = (how: End, reason: unknown) => {
      finish(how)
      AttemptContext.abort(context, reason)
    }
    const onAbort = () => cut({ kind: 'cut short' }, attempt.signal.reason)
    const timer = setTimeout(() => {
      const reason = new BridgeError('BRIDGE_TIMEOUT', `no end after ${settled.timeoutMs} ms (timeoutMs)`)
      cut({ kind: 'threw', thrown: reason }, reason)
    }, settled.timeoutMs)
    attempt.signal.addEventListener('abort', onAbort, { once: true })

    call(processor, event, context).then(
      (value) => (over ? lateReturn(tools.log) : finish({ kind: 'returned', value })),
      (thrown) => (over ? lateThrow(tools.log, thrown) : finish({ kind: 'threw', thrown })),
    )
  })

  if (end.kind === 'cut short') return { outcome: cutShort }
  if (end.kind === 'threw') return classify(end.thrown, attempt, settled, random, now)
  const isSkip = AttemptContext.hasSkippedBy(context, end.value)
  if (isSkip === true) return { outcome: { status: 'skipped', ...(end.value as Skipped) } }
  if (end.value !== undefined) {
    warnOnce(
      processor,
      tools.log,
      'processor returned a value, which counts as completed: return nothing, or ctx.skip()',
    )
  } else if (isSkip === false) {
    warnOnce(processor, tools.log, 'processor called ctx.skip() and did not return what it gives: counted as completed')
  }
  return { outcome: { status: 'completed' } }
}

type End =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly thrown: unknown }
  | { readonly kind: 'cut short' }

const cutShort: Outcome = Object.freeze({
  status: 'later',
  delayMs: 0,
  cause: 'shutdown',
  error: 'cut short: this worker stops, or has lost the event to another',
})

/** Also turns a throw of a processor that is no async function into a rejection. */
async function call(processor: Processor, event: Event, context: Context): Promise<unknown> {
  return processor.process(event, context)
}

function classify(
  thrown: unknown,
  { attempt, putOffSince }: Attempt,
  settled: Settled,
  random: () => number,
  now: () => number,
): Ended {
  const error = describeThrown(thrown)
  // By code and not by class: a processor may have got its copy of the module elsewhere (from source and from dist).
  const code = propertyOf(thrown, 'code')
  if (code === 'BRIDGE_PERMANENT') return { outcome: { status: 'dead', error } }
  if (code === 'BRIDGE_RETRY_LATER') {
    const leftMs = settled.retryLaterMaxMs - (putOffSince === undefined ? 0 : Math.max(0, now() - putOffSince))
    if (leftMs <= 0) {
      const tired = `put off by RetryLaterError for longer than RETRY_LATER_MAX_MS (${settled.retryLaterMaxMs} ms), last because: `
      return { outcome: { status: 'dead', error: safeText(tired + error) } }
    }
    const asked = propertyOf(thrown, 'delayMs')
    const delayMs = typeof asked === 'number' && asked >= 0 ? asked : settled.backoff.firstMs
    // Not past the limit: the event gets its last chance when the limit is reached.
    return { outcome: { status: 'later', delayMs: Math.ceil(Math.min(delayMs, leftMs)), cause: 'asked', error } }
  }
  const stack = code === 'BRIDGE_TIMEOUT' ? undefined : stackOf(thrown)
  if (attempt >= settled.attempts) return { outcome: { status: 'dead', error }, stack }
  return { outcome: { status: 'retry', delayMs: backoffMs(attempt, settled.backoff, random), error }, stack }
}

// What an abandoned processor does in the end changes nothing any more, but may be what somebody is looking for.
const lateReturn = (log: Log): void => log.warn('abandoned processor came to its end after its attempt was over')
const lateThrow = (log: Log, thrown: unknown): void =>
  log.debug({ error: describeThrown(thrown) }, 'abandoned processor failed after its attempt was over')

const warned = new WeakSet<Processor>()

/** Said once a processor: a result that means nothing is most likely a slip, and never a reason to fail. */
function warnOnce(processor: Processor, log: Log, what: string): void {
  if (warned.has(processor)) return
  warned.add(processor)
  log.warn(`${what} (said once a processor)`)
}
