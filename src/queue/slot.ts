/**
 * A slot of a worker: the job that BullMQ hands out, and the first starts that follow from its end, one after the other. What a start
 * does, and what an outcome is, it does not know.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { DelayedError, isNotConnectionError, type Job, type Worker } from 'bullmq'
import type { Ended, LaneBackend } from './fused/backend.ts'
import type { FirstStart, HeadJob } from './fused/first-start.ts'
import { notesOf } from './notes.ts'

export type SlotOptions = {
  /** One start and what becomes of it: returns or throws what BullMQ understands. */
  runOnce(job: HeadJob, token: string): Promise<string>
  /** Undefined before the worker has one. */
  backend(): LaneBackend | undefined
  /** That of this slot: once it closes, nothing new is taken. */
  worker(): Worker
  /** Told of an end that Redis or BullMQ refused. */
  onRefused(error: Error): void
  /** Wait before something that failed for want of a connection is tried again, in milliseconds. */
  readonly retryMs: number
}

/**
 * What BullMQ calls, for one job. Those that follow from its end are run here, as long as each is a first start, and BullMQ sees them
 * as one. Whatever else comes goes back to it with the answer to the last end.
 */
export function createSlot(options: SlotOptions): (given: Job, token?: string) => Promise<string> {
  const { runOnce, backend, worker, onRefused, retryMs } = options
  const isClosing = () => worker().closing !== undefined

  /** As long as it fails for want of a connection. */
  const persistently = async <T>(work: () => Promise<T> | undefined): Promise<T | undefined> => {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (isClosing() || isNotConnectionError(error as Error)) throw error
        await pause(retryMs)
      }
    }
  }

  const end = (job: HeadJob, returned: string, token: string) => backend()?.end(job, returned, token, !isClosing())

  /** What BullMQ would do if it had handed this one out: a retry, a dead letter. */
  const asBullmq = async (first: FirstStart, move: (job: Job) => Promise<unknown>): Promise<Ended> => {
    const job = first.asJob(worker())
    Object.assign(notesOf(job), notesOf(first))
    let result: unknown
    try {
      result = await persistently(() => move(job))
    } catch (error) {
      // Its hold was lost, or Redis refuses: it is taken over when the hold has run out.
      onRefused(error as Error)
    }
    return { moved: { result: Array.isArray(result) ? result : undefined, finishedOn: Date.now() } }
  }

  /** One more start in the place of the one before, and its end. Rejects with DelayedError alone. */
  const runNext = async (first: FirstStart, token: string): Promise<Ended> => {
    try {
      const returned = await runOnce(first, token)
      const ended = await persistently(() => end(first, returned, token))
      return ended ?? (await asBullmq(first, (job) => job.moveToCompleted(returned, token, !isClosing())))
    } catch (error) {
      // Put off: it is where it should be, and BullMQ is to look for another.
      if (error instanceof DelayedError) throw error
      return await asBullmq(first, (job) => job.moveToFailed(error as Error, token, !isClosing()))
    }
  }

  return async (given, token = '') => {
    const returned = await runOnce(given, token)
    // If its end is refused BullMQ ends it itself: it tries again, and tells.
    let ended = await end(given, returned, token)?.catch(() => undefined)
    if (ended === undefined) return returned
    while (ended.next !== undefined) ended = await runNext(ended.next, token)
    notesOf(given).moved = ended.moved
    return returned
  }
}
