/**
 * BullMQ's Redis backend, with one thing changed: finishing a job also advances its lane, in the same script, for many jobs a call.
 * Every worker must run on it; a stock one finishes without advancing, and only the sweep would move the lane on.
 */
import { setTimeout as pause } from 'node:timers/promises'
import {
  type BackendFactory,
  createIORedisClient,
  QueueKeys,
  RedisConnection,
  RedisQueueBackend,
  raw2NextJobData,
} from 'bullmq'
import type { ShardKeys } from '../keys.ts'
import { notesOf } from '../notes.ts'
import { type Connection, type DeadHead, finishCommand, run } from './commands.ts'
import { finishKeys, notOurs } from './finish.lua.ts'
import { FirstStart, type HeadJob, rawFirstStart } from './first-start.ts'
import { inBatches } from './in-batches.ts'

/** Jobs finished in one call: about a millisecond of Redis' time. */
const mostJobs = 32

/** Calls on their way at a time: while Redis works on one, the next is on its way. A third gained nothing. */
const callsAtATime = 2

/** How long a worker waits after a refused fetch: with a full memory an idle one would ask thousands of times a second. */
const refusedFetchPauseMs = 500

export type LaneBackendOptions = {
  readonly keys: ShardKeys
  readonly deadHead: DeadHead
  /** How long a job that is handed out is locked, in milliseconds. */
  readonly lockMs: number
  /** How long a lane is found by the numbers of its events, in milliseconds. */
  readonly foundForMs: number
  /** Attempts under way in this worker. */
  active(): number
  /** For a job that becomes final without a line of an attempt: one for it. `error` is set for a dead letter. */
  lineFor(job: object, error: string | undefined): string
}

/** A job that has ended: what BullMQ is answered, and the same as a first start if it is one. One of the two goes on with it. */
export type Ended = { readonly moved: Moved; readonly next?: FirstStart }

/** A job that has ended, as the finish script is told of it. */
type End = readonly string[]

/** What BullMQ is answered when a job has ended: what it is to do next, if anything. */
export type Moved = Awaited<ReturnType<RedisQueueBackend['moveToCompleted']>>

export class LaneBackend extends RedisQueueBackend {
  private options: LaneBackendOptions | undefined
  private finish: ((end: End) => Promise<unknown>) | undefined

  /** Called once, right after construction: BullMQ's constructor has no place for it. */
  serve(redis: Connection, options: LaneBackendOptions): this {
    this.options = options
    const scriptKeys = finishKeys.map((type) => this.queue.toKey(type))
    this.finish = inBatches((batch: readonly End[]) => this.finishAll(redis, scriptKeys, options, batch), {
      most: mostJobs,
      callsAtATime,
      // With a hot lane alone, each of its events would wait for a turn of the loop in which nothing comes.
      isLast: () => options.active() === 0,
    })
    return this
  }

  /** Ends a job with `completed` or `skipped`, and fetches the next if asked to. Undefined if it is not one of ours. */
  async end(job: HeadJob, returned: string, token: string, fetchNext: boolean): Promise<Ended | undefined> {
    const moved = await this.moveToEnd(job, returned, token, fetchNext)
    if (moved === undefined) return undefined
    const [raw, id, , , isFirstStart] = Array.isArray(moved.result) ? moved.result : []
    if (isFirstStart !== true) return { moved }
    try {
      return { moved, next: new FirstStart(raw, id, moved.finishedOn, this) }
    } catch {
      // It cannot be read: BullMQ says so in its own way.
      return { moved }
    }
  }

  /** `returned` is `completed` or `skipped`. A job that `end` has ended already is answered what that was. */
  override async moveToCompleted(...args: Parameters<RedisQueueBackend['moveToCompleted']>): Promise<Moved> {
    const [job, returned, , token, fetchNext] = args
    const { moved } = notesOf(job)
    if (moved !== undefined) return moved as Moved
    return (await this.moveToEnd(job, String(returned), token, fetchNext)) ?? (await super.moveToCompleted(...args))
  }

  override async moveToFailed(...args: Parameters<RedisQueueBackend['moveToFailed']>): Promise<Moved> {
    const [job, reason, , token, fetchNext, fieldsToUpdate = {}] = args
    const fields = Object.entries(fieldsToUpdate)
      .filter(([name, value]) => name !== 'failedReason' && value !== undefined)
      .flatMap(([name, value]) => [name, String(value)])
    const moved = await this.moveToEnd(job, 'failed', token, fetchNext, [reason, ...fields])
    return moved ?? (await super.moveToFailed(...args))
  }

  /** Undefined if the job is not one of ours. `more`: of a failed one the reason, then name and value of what else is to be written. */
  private async moveToEnd(
    job: Pick<HeadJob, 'id'>,
    outcome: string,
    token: string,
    fetchNext: boolean,
    more: readonly string[] = [],
  ): Promise<Moved | undefined> {
    const { options, finish } = this
    if (options === undefined || finish === undefined) throw new Error('LaneBackend: serve() was not called')
    const { line = options.lineFor(job, more[0]), news } = notesOf(job)
    const jobId = job.id ?? ''
    const next = fetchNext && this.queue.closing === undefined ? 1 : 0
    const finishedOn = Date.now()
    const head = `${token} ${outcome} ${next} ${more.length} ${jobId}`
    const answer = await finish([head, line, news?.text ?? '', ...more])
    if (answer === notOurs) return undefined
    if (typeof answer === 'number' && answer < 0) {
      throw this.finishedErrors({ code: answer, jobId, command: 'moveToFinished', state: 'active' })
    }
    news?.written()
    return { result: Array.isArray(answer) ? nextJob(answer, finishedOn) : undefined, finishedOn }
  }

  /** One call of the finish script. */
  private async finishAll(
    redis: Connection,
    scriptKeys: readonly string[],
    { keys, deadHead, lockMs, foundForMs }: LaneBackendOptions,
    batch: readonly End[],
  ): Promise<unknown[]> {
    await this.client
    const args: (string | number)[] = [...scriptKeys, keys.base, deadHead, Date.now(), lockMs, foundForMs]
    for (const end of batch) args.push(...end)
    const answers = (await run(redis, finishCommand, ...args)) as unknown[]
    return answers.map((answer) => (typeof answer === 'string' ? new Error(answer) : answer))
  }

  /**
   * A check keeps those of other workers away for nine tenths of the wait between two. BullMQ's whole of it is not over yet, by the
   * millisecond, when this worker's own next one comes: every fourth check of an only worker looked at nothing (tried).
   */
  protected override moveStalledJobsToWaitArgs(): (string | number)[] {
    const args = super.moveStalledJobsToWaitArgs()
    return [...args.slice(0, -1), Math.floor(0.9 * Number(args.at(-1)))]
  }

  override async moveToActive(token: string, name?: string): Promise<unknown[]> {
    try {
      return await super.moveToActive(token, name)
    } catch (error) {
      await pause(refusedFetchPauseMs)
      throw error
    }
  }
}

/** The next job as BullMQ's worker takes it, and whether it is a first start: one that comes as one text. */
function nextJob(answer: unknown[], now: number): unknown[] {
  const [fields, id, limitDelay, delayUntil] = answer
  if (typeof fields !== 'string') return raw2NextJobData(answer)
  return [rawFirstStart(fields, String(id), now), id, limitDelay, delayUntil, true]
}

/** Gives a Worker the lane backend on `redis`; the blocking connection is a copy of it, closed with the worker. */
export function laneBackend(redis: Connection, options: LaneBackendOptions): BackendFactory<LaneBackend> {
  return (name, queueOptions) => {
    const client = createIORedisClient(redis)
    const main = new RedisConnection(client, { shared: true, blocking: false })
    const blocking = new RedisConnection(client.duplicate({ connectionName: 'bridge-worker-blocking' }), {
      shared: false,
      blocking: true,
    })
    const queueKeys = new QueueKeys(options.keys.base)
    const backend = new LaneBackend(
      main,
      name,
      queueKeys.getKeys(name),
      (type) => queueKeys.toKey(name, type),
      queueOptions,
      blocking,
    )
    return backend.serve(redis, options)
  }
}
