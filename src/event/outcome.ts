/**
 * What an attempt is and what it ends in: all that the runner and the queue share. Imports nothing.
 */

/** The outcome of one attempt. Texts in it are already cut and masked; they may be stored and shown. */
export type Outcome =
  | { readonly status: 'completed' }
  | { readonly status: 'skipped'; readonly reason?: string }
  /** Failed; runs again after `delayMs`. Uses up an attempt; the lane waits. */
  | { readonly status: 'retry'; readonly delayMs: number; readonly error: string }
  /**
   * Put off by `delayMs`; no attempt used; the lane waits. `cause` is `asked` for a RetryLaterError (counts towards
   * RETRY_LATER_MAX_MS), `ceiling` for a processor's own concurrency, `shutdown` for an attempt that a drain cut short.
   */
  | {
      readonly status: 'later'
      readonly delayMs: number
      readonly cause: 'asked' | 'ceiling' | 'shutdown'
      readonly error: string
    }
  /** A dead letter: out of attempts, refused for good, or unreadable. */
  | { readonly status: 'dead'; readonly error: string }

export type OutcomeStatus = Outcome['status']

/** Tells an attempt to stop; an AbortSignal is one. */
export type Stop = {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: (event?: unknown) => void, options?: { readonly once: true }): void
  removeEventListener(type: 'abort', listener: (event?: unknown) => void): void
}

/** One start of an event's job, as the queue hands it to the runner. */
export type Attempt = {
  /** Attempts used including this one, from 1. Put-offs and crashes do not count. */
  readonly attempt: number
  /** Starts including this one, from 1; crashes and put-offs count. */
  readonly run: number
  /** When a RetryLaterError first put this event off, in epoch milliseconds; undefined if none did. */
  readonly putOffSince: number | undefined
  /** Aborts when the drain limit passes or the job's lock is lost: what is done after that may be done twice. */
  readonly signal: Stop
}
