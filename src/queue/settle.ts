/**
 * Settle: an Outcome becomes what BullMQ does with the job. The only place that speaks BullMQ's language of errors.
 */
import { DelayedError, UnrecoverableError } from 'bullmq'
import type { Outcome } from '../event/outcome.ts'
import { type AttemptLine, encodeLine } from './attempt-record.ts'
import type { LaneBackend } from './fused/backend.ts'
import type { Connection, Turn } from './fused/commands.ts'
import { maxAttemptLines } from './fused/finish.lua.ts'
import type { HeadJob } from './fused/first-start.ts'
import type { ShardKeys } from './keys.ts'
import { notesOf } from './notes.ts'

export type Settlement = {
  readonly job: HeadJob
  readonly jobId: string
  readonly token: string
  readonly startedAt: number
  readonly backend: LaneBackend | undefined
  readonly connection: Connection
  readonly shard: ShardKeys
}

/** A failed attempt on its way to the backoff strategy. No stack: it would only show this file. */
class RetryError extends Error {
  readonly delayMs: number

  constructor(text: string, delayMs: number) {
    super(text)
    this.delayMs = delayMs
    this.stack = ''
  }
}

/** BullMQ asks for the wait after a failed attempt; the runner has decided it. */
export function backoffStrategy(_attemptsMade: number, _type?: string, error?: Error): number {
  return error instanceof RetryError ? error.delayMs : 1_000
}

/**
 * Returns (completed, skipped) or throws what BullMQ understands (retry, later, dead). A job whose lock was lost is
 * settled by nobody here: BullMQ refuses it, and its next holder runs it again.
 */
export async function settle(settlement: Settlement, outcome: Outcome, turn: Turn | undefined): Promise<string> {
  const { job } = settlement
  switch (outcome.status) {
    case 'completed':
    case 'skipped':
      notesOf(job).line = lineOf(settlement, outcome)
      return outcome.status
    case 'dead': {
      notesOf(job).line = lineOf(settlement, outcome)
      const error = new UnrecoverableError(outcome.error)
      error.stack = ''
      throw error
    }
    case 'retry':
      await writeLine(settlement, outcome)
      throw new RetryError(outcome.error, Math.max(0, Math.round(outcome.delayMs)))
    case 'later':
      return await putOff(settlement, outcome, turn)
  }
}

async function putOff(
  settlement: Settlement,
  outcome: Extract<Outcome, { status: 'later' }>,
  turn: Turn | undefined,
): Promise<never> {
  const { backend, jobId, token, startedAt } = settlement
  const isRecorded = outcome.cause !== 'ceiling'
  if (isRecorded) await writeLine(settlement, outcome)
  const fields = {
    ...(isRecorded ? {} : { unrecorded: (turn?.unrecorded ?? 0) + 1 }),
    ...(outcome.cause === 'asked' ? { putOffSince: turn?.putOffSince ?? startedAt } : {}),
  }
  await backend?.moveToDelayed(jobId, Date.now(), Math.max(0, Math.round(outcome.delayMs)), token, {
    skipAttempt: true,
    // BullMQ's script fails on an empty list of fields, with the lock gone and the job nowhere.
    ...(Object.keys(fields).length === 0 ? {} : { fieldsToUpdate: fields }),
  })
  throw new DelayedError()
}

/** Written before the job moves on, on the same connection, so that no attempt is missing from the record. */
async function writeLine(settlement: Settlement, outcome: Outcome): Promise<void> {
  const { connection, shard, jobId } = settlement
  const key = shard.attempts(jobId)
  await connection.pipeline().rpush(key, lineOf(settlement, outcome)).ltrim(key, -maxAttemptLines, -1).exec()
}

function lineOf({ job, startedAt }: Settlement, outcome: Outcome): string {
  const error = 'error' in outcome ? outcome.error : 'reason' in outcome ? outcome.reason : undefined
  const line: AttemptLine = {
    attempt: job.attemptsMade + 1,
    run: job.attemptsStarted,
    startedAt,
    durationMs: Date.now() - startedAt,
    outcome: outcome.status,
    ...(error === undefined ? {} : { error }),
  }
  return encodeLine(line)
}
