/**
 * BullMQ's Redis backend, with one thing changed: finishing a job also advances its lane, in the same script.
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
import { type Connection, type DeadHead, finishCommand } from './commands.ts'

/** How many keys and arguments BullMQ's own moveToFinished has; ours follow them. */
const bullmqKeys = 14
const bullmqArguments = 9

/** How long a worker waits after a refused fetch: with a full memory an idle one would ask thousands of times a second. */
const refusedFetchPauseMs = 500

export type LaneBackendOptions = {
  readonly keys: ShardKeys
  readonly deadHead: DeadHead
  /** The line of a job's last attempt, asked for when the job becomes final. `error` is set for a dead letter. */
  takeLine(job: object, error: string | undefined): string
}

export class LaneBackend extends RedisQueueBackend {
  private options: LaneBackendOptions | undefined

  /** Called once, right after construction: BullMQ's constructor has no place for it. */
  serve(options: LaneBackendOptions): this {
    this.options = options
    return this
  }

  /** BullMQ's arguments for one job, and behind them the line of its attempt: here the job is still at hand. */
  protected override moveToFinishedArgs(
    ...args: Parameters<RedisQueueBackend['moveToFinishedArgs']>
  ): (string | number | boolean | Buffer)[] {
    const [job, value, , , target] = args
    const line = this.options?.takeLine(job, target === 'failed' ? String(value) : undefined) ?? ''
    return [...super.moveToFinishedArgs(...args), line]
  }

  override async moveToFinished(jobId: string, args: (string | number | boolean | Buffer)[]): Promise<unknown[]> {
    const { options } = this
    if (options === undefined) throw new Error('LaneBackend: serve() was not called')
    const keys = [...args.slice(0, bullmqKeys), options.keys.heads, options.keys.blocked]
    const argv = args.slice(bullmqKeys, bullmqKeys + bullmqArguments)
    const line = args[bullmqKeys + bullmqArguments] ?? ''
    const client = await this.client
    const answer: unknown = await client.runCommand(finishCommand, [
      ...keys,
      ...argv,
      options.keys.base,
      line,
      options.deadHead,
    ])
    if (typeof answer === 'number' && answer < 0) {
      throw this.finishedErrors({ code: answer, jobId, command: 'moveToFinished', state: 'active' })
    }
    return raw2NextJobData(answer as unknown[])
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
    return backend.serve(options)
  }
}
