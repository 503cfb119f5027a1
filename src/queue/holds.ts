/**
 * Holds: the attempts under way in this process, each with the lock of its own token, renewed until the attempt ends.
 * BullMQ's renewal is off: it keeps one token per job id, and goes by a clock that may step.
 */
import type { Job } from 'bullmq'
import { createStop, type StopController } from './stop.ts'

export type Hold = {
  readonly job: Pick<Job, 'id' | 'extendLock'>
  readonly token: string
  /** Aborted when the hold is lost, or the process stops. */
  readonly controller: StopController
}

export type Holds = {
  count(): number
  take(job: Hold['job'], token: string): Hold
  /** Renewed no more. */
  release(hold: Hold): void
  /** Another attempt of the same job that has not ended, if there is one. */
  besides(hold: Hold): Hold | undefined
  /** Aborts every attempt under way. */
  abort(reason: Error): void
  /** Renews nothing any more. */
  stop(): void
}

export type HoldsOptions = {
  /** How long a lock lasts without renewal, in milliseconds; it is renewed every third of that. */
  readonly lockMs: number
  /** Told of a lock that had run out and is somebody else's now, or soon; the attempt has been aborted. */
  readonly onLost: (jobId: string) => void
  /** Told of a renewal that Redis refused. It is tried again. */
  readonly onRefused: (error: unknown) => void
}

export function createHolds({ lockMs, onLost, onRefused }: HoldsOptions): Holds {
  const holds = new Set<Hold>()

  const renew = async (hold: Hold) => {
    const isRenewed = await hold.job.extendLock(hold.token, lockMs)
    if (isRenewed || hold.controller.signal.aborted || !holds.has(hold)) return
    hold.controller.abort(new Error('the hold on this event was lost: another worker takes it over'))
    onLost(hold.job.id ?? '')
  }

  let isRenewing = false
  const renewAll = async () => {
    // While Redis is away the renewals of the last round wait; more of them would only wait, too.
    if (isRenewing) return
    isRenewing = true
    const results = await Promise.allSettled([...holds].map(renew))
    isRenewing = false
    const refused = results.find((result) => result.status === 'rejected')
    if (refused !== undefined) onRefused(refused.reason)
  }
  const timer = setInterval(renewAll, Math.ceil(lockMs / 3)).unref()

  return {
    count: () => holds.size,
    take(job, token) {
      const hold = { job, token, controller: createStop() }
      holds.add(hold)
      return hold
    },
    release: (hold) => void holds.delete(hold),
    besides(hold) {
      for (const other of holds) if (other.job.id === hold.job.id && other !== hold) return other
      return undefined
    },
    abort(reason) {
      for (const { controller } of holds) controller.abort(reason)
    },
    stop: () => clearInterval(timer),
  }
}
