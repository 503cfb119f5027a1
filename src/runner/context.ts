/**
 * The context of one attempt, as its processor sees it. Signal, log and skip are made when they are asked for: most processors ask
 * for none. Two of them are dear; and a function of its own, kept by an object that is made for every event, keeps all that it refers
 * to past every collection of young objects (measured: 4 KB an event, until everything is collected).
 */
import type { Log } from '../log.ts'
import type { Context, Skipped } from './define.ts'
import { safeText } from './thrown.ts'

/** What a context is made of. */
export type ContextParts = Pick<Context, 'attempt' | 'attempts' | 'run'> & {
  /** Asked for their log, once or more. */
  readonly tools: { readonly log: Log }
}

type Skip = Context['skip']

export class AttemptContext implements Context {
  readonly attempt: number
  readonly attempts: number
  readonly run: number
  declare readonly signal: AbortSignal
  declare readonly log: Log
  declare readonly skip: Skip
  readonly #tools: { readonly log: Log }
  #skipper: Skip | undefined
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined
  #skips: Set<unknown> | undefined

  constructor({ attempt, attempts, run, tools }: ContextParts) {
    this.attempt = attempt
    this.attempts = attempts
    this.run = run
    this.#tools = tools
    // Its own, so that a copy has them; shared functions, since new ones for each object would make it a shape of its own,
    // which lives until the next collection of everything, and all that it refers to with it.
    Object.defineProperty(this, 'signal', AttemptContext.#signalProperty)
    Object.defineProperty(this, 'log', AttemptContext.#logProperty)
    Object.defineProperty(this, 'skip', AttemptContext.#skipProperty)
    Object.freeze(this)
  }

  static readonly #signalProperty: PropertyDescriptor & ThisType<AttemptContext> = {
    enumerable: true,
    get() {
      return this.#signal()
    },
  }

  static readonly #logProperty: PropertyDescriptor & ThisType<AttemptContext> = {
    enumerable: true,
    get() {
      return this.#tools.log
    },
  }

  /** Works without its context, too: `const { skip } = ctx`. */
  static readonly #skipProperty: PropertyDescriptor & ThisType<AttemptContext> = {
    enumerable: true,
    get() {
      this.#skipper ??= (reason) => this.#skip(reason)
      return this.#skipper
    },
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    return this.#controller.signal
  }

  #skip(reason: string | undefined): Skipped {
    const skipped = Object.freeze(reason === undefined ? {} : { reason: safeText(String(reason)) })
    this.#skips ??= new Set()
    this.#skips.add(skipped)
    return skipped as Skipped
  }

  /** Aborts the signal; one that is first looked at later has aborted. */
  static abort(context: AttemptContext, reason: unknown): void {
    context.#aborted ??= { reason }
    context.#controller?.abort(reason)
  }

  /** Whether a value is what `skip` of this context gave; undefined if `skip` was never called. */
  static hasSkippedBy(context: AttemptContext, value: unknown): boolean | undefined {
    return context.#skips?.has(value)
  }
}
