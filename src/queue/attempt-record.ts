/**
 * One line per attempt, in the log of its BullMQ job: what the timeline of a call is told from.
 */
import { z } from 'zod'
import type { OutcomeStatus } from '../event/outcome.ts'

/** `vanished`: the worker died or lost its lock before the attempt ended; a later start wrote the line. */
export type AttemptLine = {
  readonly attempt: number
  readonly run: number
  /** Epoch milliseconds; 0 if not known. */
  readonly startedAt: number
  readonly durationMs: number
  readonly outcome: OutcomeStatus | 'vanished'
  /** Cut and masked. Also the reason of a skip. */
  readonly error?: string
}

const line = z.object({
  attempt: z.number(),
  run: z.number(),
  startedAt: z.number(),
  durationMs: z.number(),
  outcome: z.enum(['completed', 'skipped', 'retry', 'later', 'dead', 'vanished']),
  error: z.string().optional(),
})

export function encodeLine(attempt: AttemptLine): string {
  return JSON.stringify(attempt)
}

/** Undefined for a line that something else wrote into the job's log. */
export function decodeLine(text: string): AttemptLine | undefined {
  try {
    const { error, ...rest } = line.parse(JSON.parse(text))
    return error === undefined ? rest : { ...rest, error }
  } catch {
    return undefined
  }
}

/** The line of a start that no worker tells of: how long it took is not known. */
export function encodeUnseen(
  job: { readonly attemptsMade: number },
  of: Pick<AttemptLine, 'run' | 'outcome' | 'error'>,
): string {
  return encodeLine({ attempt: job.attemptsMade + 1, startedAt: 0, durationMs: 0, ...of })
}
