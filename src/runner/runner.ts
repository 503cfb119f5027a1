/**
 * The runner: finds an event's processor, keeps it under its own ceiling, runs one attempt and logs its outcome.
 * Knows nothing of Redis or BullMQ; the queue hands it events and is given outcomes. `run` never rejects.
 */
import type { Event } from '../event/event.ts'
import type { Attempt, Outcome } from '../event/outcome.ts'
import type { Log } from '../log.ts'
import { maskNumbers } from '../mask.ts'
import { type AttemptTools, type Ended, runAttempt } from './attempt.ts'
import { type Ceiling, createCeiling } from './ceiling.ts'
import type { Processor } from './define.ts'
import type { Registry } from './load.ts'
import { type Defaults, type Settled, settle } from './options.ts'
import { describeThrown } from './thrown.ts'

export type RunnerOptions = {
  readonly processors: Registry
  readonly defaults: Defaults
  readonly log: Log
  /** 0 to 1; Math.random by default. */
  readonly random?: () => number
  /** Epoch milliseconds; Date.now by default. */
  readonly now?: () => number
}

export type Run = (event: Event, attempt: Attempt) => Promise<Outcome>

/**
 * A function that runs one attempt of an event and tells its outcome; it never rejects. An event without a processor is
 * skipped; one over its processor's own ceiling in this process is put off for a moment, and no attempt is used.
 */
export function createRunner({ processors, defaults, log, random = Math.random, now = Date.now }: RunnerOptions): Run {
  const places = new Map<Processor, Place>()
  const placeOf = (processor: Processor): Place => {
    const known = places.get(processor)
    if (known !== undefined) return known
    const settled = settle(processor.options, defaults)
    const place = { settled, ceiling: createCeiling(settled.concurrency, random) }
    places.set(processor, place)
    return place
  }

  const attemptOf = async (event: Event, attempt: Attempt, bound: Bound): Promise<Ended> => {
    const processor = processors.find(event.name)?.processor
    if (processor === undefined) return { outcome: { status: 'skipped', reason: 'no processor' } }
    const { settled, ceiling } = placeOf(processor)
    const leave = ceiling.enter()
    if (leave === undefined) {
      const error = `the processor is at its concurrency of ${settled.concurrency}`
      return { outcome: { status: 'later', delayMs: ceiling.delayMs(), cause: 'ceiling', error } }
    }
    try {
      return await runAttempt(processor, event, attempt, settled, bound)
    } finally {
      leave()
    }
  }

  return async (event, attempt) => {
    const started = performance.now()
    try {
      const bound = new Bound(event, attempt, { log, random, now })
      const ended = await attemptOf(event, attempt, bound)
      if (log.isLevelEnabled(lineOf(ended.outcome).level)) {
        logOutcome(bound.log, attempt, ended, Math.round(performance.now() - started))
      }
      return ended.outcome
    } catch (fault) {
      return faultOutcome(fault, attempt, defaults)
    }
  }
}

type Tools = Required<AttemptTools>

/** The tools of one attempt. Its log is made for who asks, from what it keeps for that: its fields cost more than the rest of an attempt. */
class Bound implements Tools {
  readonly random: Tools['random']
  readonly now: Tools['now']
  readonly #parent: Log
  readonly #event: Event
  readonly #attempt: Attempt
  #log: Log | undefined

  constructor(event: Event, attempt: Attempt, { log, random, now }: Tools) {
    this.random = random
    this.now = now
    this.#parent = log
    this.#event = event
    this.#attempt = attempt
  }

  get log(): Log {
    this.#log ??= this.#parent.child(fieldsOf(this.#event, this.#attempt))
    return this.#log
  }
}

type Place = { readonly settled: Settled; readonly ceiling: Ceiling }

/** The fixed fields that say which event a line is about. A lane may be named after a phone number. */
export function fieldsOf(event: Event, attempt: Attempt): Record<string, unknown> {
  return {
    eventId: event.eventId,
    event: event.name,
    lane: maskNumbers(event.lane),
    callId: event.callId,
    attempt: attempt.attempt,
  }
}

function logOutcome(log: Log, { run }: Attempt, { outcome, stack }: Ended, durationMs: number): void {
  const { status, ...more } = outcome
  const { level, message } = lineOf(outcome)
  try {
    log[level]({ outcome: status, durationMs, run, ...more, ...(stack === undefined ? {} : { stack }) }, message)
  } catch {
    // A line that cannot be written must not undo what the processor did.
  }
}

function lineOf(outcome: Outcome): { level: 'debug' | 'info' | 'warn' | 'error'; message: string } {
  switch (outcome.status) {
    case 'completed':
      return { level: 'info', message: 'event completed' }
    case 'skipped':
      return { level: 'info', message: 'event skipped' }
    case 'retry':
      return { level: 'warn', message: 'attempt failed' }
    case 'dead':
      return { level: 'error', message: 'event dead' }
    case 'later':
      if (outcome.cause === 'shutdown') return { level: 'info', message: 'attempt cut short' }
      return { level: outcome.cause === 'asked' ? 'warn' : 'debug', message: 'event put off' }
  }
}

/** For a fault of ours, not the processor's: the event keeps its place and is tried again, as long as it has attempts. */
function faultOutcome(fault: unknown, { attempt }: Attempt, { attempts, backoff }: Defaults): Outcome {
  const error = `fault in the runner: ${describeThrown(fault)}`
  return attempt >= attempts ? { status: 'dead', error } : { status: 'retry', delayMs: backoff.maxMs, error }
}
