/**
 * A processor's options: checked when it is defined, completed with the defaults of the settings when it runs. Pure.
 */
import { ProcessorLoadError } from '../errors.ts'
import { nearest } from './nearest.ts'

/** Waits between attempts: `firstMs`, doubled each time up to `maxMs`. */
export type Backoff = {
  /** Wait after the first failed attempt, in milliseconds. Default BACKOFF_FIRST_MS. */
  readonly firstMs?: number
  /** Longest wait, in milliseconds. Default BACKOFF_MAX_MS, or `firstMs` if that is longer. */
  readonly maxMs?: number
  /** Share of the wait that is shortened at random, 0 to 1. Default 0.5; 0 = exact. */
  readonly jitter?: number
}

export type ProcessorOptions = {
  /** Attempts before the event becomes a dead letter, from 1. Default ATTEMPTS. */
  readonly attempts?: number
  readonly backoff?: Backoff
  /** Longest time of one attempt, in milliseconds; then `ctx.signal` aborts and the attempt has failed. Default PROCESSOR_TIMEOUT_MS. */
  readonly timeoutMs?: number
  /** Ceiling of attempts at a time of this processor in one worker process. Default WORKER_CONCURRENCY. */
  readonly concurrency?: number
}

/** What processors get that set no options of their own; from the settings. */
export type Defaults = {
  readonly attempts: number
  readonly timeoutMs: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
  /** Events at a time of one worker process. */
  readonly concurrency: number
  /** How long RetryLaterError may put an event off, in milliseconds from the first time; 0 = not at all. */
  readonly retryLaterMaxMs: number
}

/** A processor's options with every default filled in. */
export type Settled = {
  readonly attempts: number
  readonly timeoutMs: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number; readonly jitter: number }
  readonly concurrency: number
  readonly retryLaterMaxMs: number
}

const defaultJitter = 0.5

// setTimeout fires at once beyond this.
const longestMs = 2_147_483_647

type Rule = { readonly accepts: (value: number) => boolean; readonly words: string }

const ms = (min: number): Rule => ({
  accepts: (value) => value >= min && value <= longestMs,
  words: `a number of milliseconds from ${min} to ${longestMs}`,
})
const count: Rule = { accepts: (value) => Number.isSafeInteger(value) && value >= 1, words: 'a whole number from 1' }
const share: Rule = { accepts: (value) => value >= 0 && value <= 1, words: 'a number from 0 to 1' }

const optionRules = { attempts: count, timeoutMs: ms(1), concurrency: count }
const backoffRules = { firstMs: ms(0), maxMs: ms(0), jitter: share }

/**
 * The options, copied and frozen.
 * @throws ProcessorLoadError that names the option, what came and what is accepted. `label` says whose options they are.
 */
export function checkOptions(options: unknown, label: string): ProcessorOptions {
  const { backoff, ...plain } = fieldsOf(options, `options of the processor for ${label}`)
  check(plain, optionRules, [...Object.keys(optionRules), 'backoff'], '', label)
  if (backoff === undefined) return Object.freeze({ ...plain }) as ProcessorOptions
  const waits = fieldsOf(backoff, `option backoff of the processor for ${label}`)
  check(waits, backoffRules, Object.keys(backoffRules), 'backoff.', label)
  const { firstMs, maxMs } = waits as { firstMs?: number; maxMs?: number }
  if (firstMs !== undefined && maxMs !== undefined && firstMs > maxMs) {
    throw new ProcessorLoadError(
      `The processor for ${label} has backoff.firstMs ${firstMs} above backoff.maxMs ${maxMs}: the first wait cannot be the longer one.`,
    )
  }
  return Object.freeze({ ...plain, backoff: Object.freeze({ ...waits }) }) as ProcessorOptions
}

/** Every option with its default. A first wait longer than the default longest one is its own longest. */
export function settle(options: ProcessorOptions, defaults: Defaults): Settled {
  const { firstMs = defaults.backoff.firstMs, maxMs, jitter = defaultJitter } = options.backoff ?? {}
  const longest = maxMs ?? Math.max(defaults.backoff.maxMs, firstMs)
  return {
    attempts: options.attempts ?? defaults.attempts,
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
    backoff: { firstMs: Math.min(firstMs, longest), maxMs: longest, jitter },
    concurrency: options.concurrency ?? defaults.concurrency,
    retryLaterMaxMs: defaults.retryLaterMaxMs,
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ProcessorLoadError(`The ${what} are not an object: give one, or leave it out.`)
}

function check(
  given: Record<string, unknown>,
  rules: Readonly<Record<string, Rule>>,
  names: readonly string[],
  prefix: string,
  label: string,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      const guess = nearest(name, names) ?? names.find((other) => other.startsWith(name))
      throw new ProcessorLoadError(
        `The processor for ${label} has the unknown option ${prefix}${name}: ${guess === undefined ? `there are ${names.join(', ')}` : `did you mean ${prefix}${guess}?`}`,
      )
    }
    const rule = rules[name]
    if (value === undefined || rule === undefined) continue
    if (typeof value !== 'number' || !rule.accepts(value)) {
      throw new ProcessorLoadError(
        `The processor for ${label} has ${prefix}${name} ${shown(value)}: give ${rule.words}.`,
      )
    }
  }
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? `'${value.slice(0, 40)}'` : typeof value === 'number' ? String(value) : typeof value
