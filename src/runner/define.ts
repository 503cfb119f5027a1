/**
 * defineProcessor: what a file in workers/ exports. Types of a processor, its options and its context.
 */

import type { EventName } from '../event/catalogue.ts'
import type { Event } from '../event/event.ts'
import type { Log } from '../log.ts'

/** Waits between attempts. */
export type Backoff = {
  /** Wait after the first failed attempt, in milliseconds. Default BACKOFF_FIRST_MS. */
  readonly firstMs?: number
  /** Longest wait, in milliseconds. Default BACKOFF_MAX_MS. */
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

declare const skippedMark: unique symbol
/** What `ctx.skip()` gives; return it. */
export type Skipped = { readonly [skippedMark]: true; readonly reason?: string }

export type Context = {
  /** Attempts used including this one, from 1. */
  readonly attempt: number
  /** Attempts this event has in all. */
  readonly attempts: number
  /** Starts including this one; crashes and put-offs count. With `event.sequence` a receiver can reject late writes. */
  readonly run: number
  /** Aborts on `timeoutMs`, on shutdown past its limit, and when another worker has taken the event over. */
  readonly signal: AbortSignal
  /** Bound to the event: eventId, event, lane, callId, attempt. */
  readonly log: Log
  /** `return ctx.skip('why')`: nothing to do for this event. */
  skip(reason?: string): Skipped
}

// biome-ignore lint/suspicious/noConfusingVoidType: a processor may return nothing, or what ctx.skip gives
type Result = void | Skipped
export type Process<N extends EventName> = (event: Event<N>, context: Context) => Promise<Result> | Result

/** `'*'`: every event that has no processor of its own, Unknown included. */
export type ProcessorName = EventName | '*'

export type Processor<N extends EventName = EventName> = {
  readonly kind: 'processor'
  readonly names: readonly ProcessorName[]
  readonly options: ProcessorOptions
  readonly process: Process<N>
}
