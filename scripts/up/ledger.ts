/**
 * What became of each event, read from the worker's log: outcome, attempts, duration, by event id.
 */
import type { LogRecord } from './log-lines.ts'

export type Fate = {
  readonly outcome: string
  readonly attempts: number
  /** Of the last attempt. */
  readonly ms: number
  readonly error: string | undefined
  /** Place among all outcomes told, from 1. */
  readonly place: number
}

const finals = new Set(['completed', 'skipped', 'dead'])

export type Ledger = {
  /** Takes a line of the worker's log; those without an outcome do not count. */
  take(record: LogRecord): void
  fateOf(eventId: string): Fate | undefined
  isFinal(eventId: string): boolean
  /** Lines that told an outcome so far: as long as it grows, something happens. */
  readonly taken: number
}

/** A ledger that keeps the last fate of each event. */
export function createLedger(): Ledger {
  const fates = new Map<string, Fate>()
  let taken = 0
  return {
    take(record) {
      const { eventId, outcome, attempt, durationMs, error } = record
      if (typeof eventId !== 'string' || typeof outcome !== 'string') return
      taken += 1
      fates.set(eventId, {
        outcome,
        attempts: Number(attempt ?? 1),
        ms: Number(durationMs ?? 0),
        error: typeof error === 'string' ? error : undefined,
        place: taken,
      })
    },
    fateOf: (eventId) => fates.get(eventId),
    isFinal: (eventId) => finals.has(fates.get(eventId)?.outcome ?? ''),
    get taken() {
      return taken
    },
  }
}
