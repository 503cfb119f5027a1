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
import { inBatches } from './in-batches.ts'

/** Jobs finished in one call: about a millisecond of Redis' time. */
const mostJobs = 32

/** How long a worker waits after a refused fetch: with a full memory an idle one would ask thousands of times a second. */
const refusedFetchPauseMs = 500

export type LaneBackendOptions = {
  readonly keys: ShardKeys
  readonly deadHead: DeadHead
  /** How long a job that is handed out is locked, in milliseconds. */
  readonly lockMs: number
  /** How long a lane is found by the numbers of its events, in milliseconds. */
  readonly foundForMs: number
  /** For a job that becomes final without a line of an attempt: one for it. `error` is set for a dead letter. */
  lineFor(job: object, error: string | undefined): string
}

/** A job that has ended, as the finish script is told of it. */
type Ended = {
  readonly jobId: string
  readonly args: readonly (string | number)[]
}

type End = {
  readonly target: 'completed' | 'failed'
  readonly value: string | undefined
  readonly token: string
  readonly fetchNext: boolean
  /** Name and value of what else is to be written. */
  readonly fields: readonly (readonly string[])[]
}

type Moved = Awaited<ReturnType<RedisQueueBackend['moveToCompleted']>>

export class LaneBackend extends RedisQueueBackend {
  private options: LaneBackendOptions | undefined
  private finish: ((ended: Ended) => Promise<unknown>) | undefined

  /** Called once, right after construction: BullMQ's constructor has no place for it. */
  serve(redis: Connection, options: LaneBackendOptions): this {
    this.options = options
    this.finish = inBatches((batch: readonly Ended[]) => this.finishAll(redis, options, batch), {
      most: mostJobs,
      oneAtATime: true,
    })
    return this
  }

  override async moveToCompleted(...args: Parameters<RedisQueueBackend['moveToCompleted']>): Promise<Moved> {
    const [job, returned, , token, fetchNext] = args
    const moved = await this.moveToEnd(job, {
      target: 'completed',
      value: JSON.stringify(returned),
      token,
      fetchNext,
      fields: [],
    })
    return moved ?? (await super.moveToCompleted(...args))
  }

  override async moveToFailed(...args: Parameters<RedisQueueBackend['moveToFailed']>): Promise<Moved> {
    const [job, reason, , token, fetchNext, fieldsToUpdate = {}] = args
    const fields = Object.entries(fieldsToUpdate)
      .filter(([name, value]) => name !== 'failedReason' && value !== undefined)
      .map(([name, value]) => [name, String(value)])
    const moved = await this.moveToEnd(job, { target: 'failed', value: reason, token, fetchNext, fields })
    return moved ?? (await super.moveToFailed(...args))
  }

  /** Undefined if the job is not one of ours. */
  private async moveToEnd(
    job: Parameters<RedisQueueBackend['moveToCompleted']>[0],
    { target, value, token, fetchNext, fields }: End,
  ): Promise<Moved | undefined> {
    const { options, finish } = this
    if (options === undefined || finish === undefined) throw new Error('LaneBackend: serve() was not called')
    const jobId = job.id ?? ''
    const { line = options.lineFor(job, target === 'failed' ? value : undefined), news } = notesOf(job)
    const fetch = fetchNext && this.queue.closing === undefined ? 1 : 0
    const flat = fields.flat()
    const finishedOn = Date.now()
    const args = [jobId, token, target, value ?? 'null', line, news?.text ?? '', fetch, flat.length, ...flat]
    const answer = await finish({ jobId, args })
    if (answer === notOurs) return undefined
    if (typeof answer === 'number' && answer < 0) {
      throw this.finishedErrors({ code: answer, jobId, command: 'moveToFinished', state: 'active' })
    }
    news?.written()
    return { result: raw2NextJobData(answer as unknown[]), finishedOn }
  }

  /** One call of the finish script. */
  private async finishAll(
    redis: Connection,
    { keys, deadHead, lockMs, foundForMs }: LaneBackendOptions,
    batch: readonly Ended[],
  ): Promise<unknown[]> {
    await this.client
    const scriptKeys = finishKeys.map((type) => this.queue.toKey(type))
    const args: (string | number)[] = [...scriptKeys, keys.base, deadHead, Date.now(), lockMs, foundForMs]
    for (const ended of batch) args.push(...ended.args)
    const answers = (await run(redis, finishCommand, ...args)) as unknown[]
    return answers.map((answer) => (typeof answer === 'string' ? new Error(answer) : answer))
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
