/**
 * The BullMQ worker of one shard: its locks, and one attempt at a time per job. What follows from an end is run by its slots (slot.ts).
 */
import { Worker } from 'bullmq'
import type { Config } from '../config.ts'
import { JobDecodeError } from '../errors.ts'
import type { Event } from '../event/event.ts'
import type { Attempt, Outcome } from '../event/outcome.ts'
import { decode, isNewer } from '../event/stored.ts'
import { type Log, limitedLog } from '../log.ts'
import { encodeUnseen } from './attempt-record.ts'
import { type LaneBackend, laneBackend } from './fused/backend.ts'
import type { Connection, Turn } from './fused/commands.ts'
import { outOfTurn } from './fused/finish.lua.ts'
import type { HeadJob } from './fused/first-start.ts'
import { createHolds, type Hold } from './holds.ts'
import { eventIdOf, queueName, type ShardKeys } from './keys.ts'
import { notesOf } from './notes.ts'
import { backoffStrategy, type Settlement, settle } from './settle.ts'
import { createSlot } from './slot.ts'
import { turnOfStart } from './turn.ts'
import { keepEventStreamShort, startUpkeep, type UpkeepSightings } from './upkeep.ts'
import { whoIndex } from './who.ts'

/** One attempt of one event. Must not reject. */
export type Run = (event: Event, attempt: Attempt) => Promise<Outcome>

/** Told of what no attempt tells of: for metrics. */
export type Sightings = UpkeepSightings & {
  /** A dead letter that no runner has seen; by the name of its job. */
  dead(event: string): void
  /** An event was taken over from a worker that vanished. */
  stalled(): void
}

/** What all shards of one process share. */
export type WorkOptions = {
  readonly keys: Config['keys']
  readonly lanes: Config['lanes']
  /** Attempts at a time in this process, over all shards. */
  readonly concurrency: number
  readonly log: Log
  /** Nobody is told by default. */
  readonly sightings?: Sightings
  /**
   * How long a worker's hold on a job lasts without renewal, in milliseconds; a killed worker's event is taken over
   * after at most this and a quarter of it. Default 10,000.
   */
  readonly lockMs?: number
  /** How often a shard is swept, in milliseconds. Default 2,000. */
  readonly sweepMs?: number
}

export type ShardWorker = {
  /** Attempts under way. */
  active(): number
  /** Takes nothing new; resolves when what is active has finished. */
  close(): Promise<void>
  /** Tells what is active to stop; what comes back is put back for another worker. */
  abort(reason: Error): void
}

/** Put-backs after a crash or a cut connection are no fault of the event: many of them before it is dead. */
const maxStalledCount = 10

/** Wait before a start that could not go on for the moment is tried again. */
const putBackMs = 1_000

/** Wait before something that failed for want of a connection is tried again; BullMQ's own tries wait as long. */
const retryMs = 500

/** Wait before an event written by a newer version is looked at again: a newer worker may take it. */
const newerVersionMs = 10_000

/** A start that is no attempt: the event waits, and its record says nothing of it. */
function putBack(delayMs: number, error: string): Outcome {
  return { status: 'later', delayMs, cause: 'ceiling', error }
}

type Options = WorkOptions & { readonly connection: Connection; readonly shard: ShardKeys }

export function startShardWorker(options: Options, run: Run): ShardWorker {
  const { connection, shard, lanes, log, sightings, lockMs = 10_000 } = options
  const refused = limitedLog(log, { everyMs: 10_000, byError: true })
  const who = whoIndex(connection, shard, {
    retentionMs: lanes.retentionMs,
    onRefused: ({ eventId }, error) =>
      refused.warn({ eventId, error: `${error}` }, 'the search will not find this event'),
  })
  const holds = createHolds({
    lockMs,
    onLost: (jobId) => log.warn({ eventId: eventIdOf(jobId) }, 'hold lost: another worker takes the event over'),
    onRefused: (error) => refused.warn({ shard: shard.shard, error: String(error) }, 'redis refused the worker'),
  })
  let backend: LaneBackend | undefined

  const makeBackend = laneBackend(connection, {
    keys: shard,
    deadHead: lanes.deadHead,
    lockMs,
    foundForMs: lanes.retentionMs,
    active: holds.count,
    lineFor: (job, error) => (error === undefined ? '' : failedUnseen(job as HeadJob, error)),
  })

  /** For a dead letter that no runner has seen, and so has not told of. */
  const tellDead = (job: HeadJob, error: string) => {
    sightings?.dead(job.name)
    log.error({ eventId: eventIdOf(job.id ?? ''), event: job.name, outcome: 'dead', error }, 'event dead')
  }

  const dead = (job: HeadJob, error: string): Outcome => {
    tellDead(job, error)
    return { status: 'dead', error }
  }

  /** A job that BullMQ failed without a start of ours: over its stall limit, or a board's retry. */
  const failedUnseen = (job: HeadJob, error: string) => {
    tellDead(job, error)
    return encodeUnseen(job, { run: job.attemptsStarted, outcome: 'dead', error })
  }

  const attemptOf = (job: HeadJob, turn: Turn, hold: Hold): Attempt => ({
    attempt: job.attemptsMade + 1,
    run: job.attemptsStarted,
    putOffSince: turn.putOffSince,
    signal: hold.controller.signal,
  })

  /** What one start of a job ends in. Never rejects. */
  const start = async (job: HeadJob, turn: Turn, hold: Hold): Promise<Outcome> => {
    if (!turn.isTurn) return dead(job, outOfTurn)
    try {
      const event = decode(job.data)
      const ended = await who.beside(event, () => run(event, attemptOf(job, turn, hold)))
      if (ended.news !== undefined) notesOf(job).news = ended.news
      return ended.outcome
    } catch (error) {
      if (!(error instanceof JobDecodeError)) return putBack(putBackMs, String(error))
      if (isNewer(job.data)) {
        refused.warn(
          { eventId: eventIdOf(job.id ?? ''), error: error.message },
          'a newer version wrote this event: its lane waits for a newer worker',
        )
        return putBack(newerVersionMs, error.message)
      }
      return dead(job, error.message)
    }
  }

  /** One start and what becomes of it: as `settle` says. */
  const runOnce = async (job: HeadJob, token: string): Promise<string> => {
    const startedAt = Date.now()
    const settlement: Settlement = { job, jobId: job.id ?? '', token, startedAt, backend, connection, shard }
    const hold = holds.take(job, token)
    let turn: Turn | undefined
    let outcome: Outcome
    try {
      turn = await turnOf(job)
      outcome =
        turn === undefined
          ? putBack(putBackMs, 'the guard failed')
          : (notNow(job, hold) ?? (await start(job, turn, hold)))
    } finally {
      holds.release(hold)
    }
    return await settle(settlement, outcome, turn)
  }

  /** Why a start that is in its turn must wait all the same, asked right before it. */
  const notNow = (job: HeadJob, hold: Hold): Outcome | undefined => {
    // A hold that is half over may end under the attempt; fetched and checked by one clock.
    if (job.processedOn !== undefined && Date.now() - job.processedOn > lockMs / 2)
      return putBack(0, 'fetched too long ago')
    // The earlier attempt lost its hold and does not end: two of one event would run side by side here.
    const earlier = holds.besides(hold)
    if (earlier === undefined) return undefined
    earlier.controller.abort(new Error('the hold on this event was lost: it is to run again'))
    return putBack(putBackMs, 'an earlier attempt still runs here')
  }

  /** Undefined if Redis refused to say. */
  const turnOf = async (job: HeadJob): Promise<Turn | undefined> => {
    try {
      return await turnOfStart(connection, shard, job)
    } catch (error) {
      refused.warn({ shard: shard.shard, error: String(error) }, 'the guard could not ask, event put back')
      return undefined
    }
  }

  const tellRefused = (error: Error) =>
    refused.warn({ shard: shard.shard, error: error.message }, 'redis refused the worker')

  const worker: Worker = new Worker(
    queueName,
    createSlot({ runOnce, retryMs, backend: () => backend, worker: () => worker, onRefused: tellRefused }),
    {
      connection,
      prefix: shard.base,
      concurrency: Math.max(1, Math.ceil(options.concurrency / options.keys.shards)),
      lockDuration: lockMs,
      skipLockRenewal: true,
      // Taken over at most 13 s after the kill: a lock of 10 s and one wait. A shorter wait costs an idle bridge commands.
      stalledInterval: Math.ceil(0.3 * lockMs),
      maxStalledCount,
      runRetryDelay: retryMs,
      settings: { backoffStrategy },
    },
    (...args) => {
      backend = makeBackend(...args)
      return backend
    },
  )
  worker.on('error', tellRefused)
  worker.on('stalled', (jobId) => {
    sightings?.stalled()
    log.warn({ eventId: eventIdOf(jobId) }, 'event taken over: its worker vanished')
  })

  const upkeep = startUpkeep({
    redis: connection,
    keys: shard,
    deadHead: lanes.deadHead,
    retentionMs: lanes.retentionMs,
    retentionMaxEvents: Math.ceil(lanes.retentionMaxEvents / options.keys.shards),
    log,
    sightings,
    ...(options.sweepMs === undefined ? {} : { everyMs: options.sweepMs }),
  })
  keepEventStreamShort(connection, shard).catch(() => {
    // Cosmetic: BullMQ's own default is longer.
  })

  return {
    active: holds.count,
    abort: holds.abort,
    async close() {
      await Promise.all([worker.close(), upkeep.stop()])
      holds.stop()
      who.stop()
    },
  }
}
