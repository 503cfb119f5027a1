/**
 * A job that starts for the first time, as the finish script hands it out: what an attempt needs, and no Job of BullMQ's, which costs a
 * third of what a short event costs in all. Most events start once and complete, and never need one.
 */
import { Job, type JobJson, type Worker } from 'bullmq'
import { jobOptions } from './lane.lua.ts'

/** What of a job an attempt needs, and how it ends. A Job of BullMQ's has it, too. */
export type HeadJob = Pick<
  Job,
  'id' | 'name' | 'data' | 'attemptsMade' | 'attemptsStarted' | 'processedOn' | 'extendLock'
>

type Locks = { extendLock(jobId: string, token: string, duration: number): Promise<number> }

export class FirstStart implements HeadJob {
  readonly attemptsStarted = 1
  readonly attemptsMade = 0
  readonly id: string
  readonly name: string
  readonly data: unknown
  readonly processedOn: number
  private readonly raw: JobJson
  private readonly locks: Locks

  /** @throws SyntaxError if what is stored is no JSON. */
  constructor(raw: JobJson, id: string, processedOn: number, locks: Locks) {
    this.id = id
    this.name = raw.name
    this.data = JSON.parse(raw.data)
    this.processedOn = processedOn
    this.raw = raw
    this.locks = locks
  }

  extendLock(token: string, duration: number): Promise<number> {
    return this.locks.extendLock(this.id, token, duration)
  }

  /** The same as a Job, for what only BullMQ does with one: a retry, a dead letter. */
  asJob(worker: Worker): Job {
    return Job.fromJSON(worker, this.raw, this.id)
  }
}

/** A first start in the words of BullMQ, from the text `name timestamp data`. */
export function rawFirstStart(text: string, id: string, processedOn: number): JobJson {
  const afterName = text.indexOf(' ')
  const afterTime = text.indexOf(' ', afterName + 1)
  return {
    id,
    name: text.slice(0, afterName),
    data: text.slice(afterTime + 1),
    opts: jobOptions,
    progress: 0,
    delay: 0,
    priority: 0,
    timestamp: Number(text.slice(afterName + 1, afterTime)),
    attemptsStarted: 1,
    attemptsMade: 0,
    stalledCounter: 0,
    processedOn,
  } as JobJson
}
