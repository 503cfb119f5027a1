/**
 * The lane scripts as typed functions on a connection. ioredis sends them by their hash and again in full on NOSCRIPT.
 */
import type { Cluster, Redis } from 'ioredis'
import type { ShardKeys } from '../keys.ts'
import type { BullmqScripts } from './bullmq-scripts.ts'
import { enqueueKeys, enqueueLua } from './enqueue.lua.ts'
import { finishKeys, finishLua, foundByLua } from './finish.lua.ts'
import { discardLua, replayLua } from './replay.lua.ts'
import { guardLua, pruneLua, sweepLua, trimLua } from './upkeep.lua.ts'

export type Connection = Redis | Cluster

/** Names under which the scripts are called that go out in batches, and that a connection is not to gather once more. */
export const enqueueCommand = 'bridgeEnqueue'
export const finishCommand = 'bridgeFinish'

/** Teaches a connection the scripts. Once per connection, before it is used. */
export function defineScripts(redis: Connection, scripts: BullmqScripts): void {
  redis.defineCommand(enqueueCommand, { numberOfKeys: enqueueKeys, lua: enqueueLua })
  redis.defineCommand(finishCommand, { numberOfKeys: finishKeys.length, lua: finishLua(scripts) })
  redis.defineCommand('bridgeGuard', { numberOfKeys: 4, lua: guardLua })
  redis.defineCommand('bridgeSweep', { numberOfKeys: 4, lua: sweepLua })
  redis.defineCommand('bridgeTrim', { numberOfKeys: 2, lua: trimLua })
  redis.defineCommand('bridgeFound', { numberOfKeys: 1, lua: foundByLua })
  redis.defineCommand('bridgePrune', { numberOfKeys: 1, lua: pruneLua })
  redis.defineCommand('bridgeReplay', { numberOfKeys: 5, lua: replayLua })
  redis.defineCommand('bridgeDiscard', { numberOfKeys: 4, lua: discardLua })
}

type Scripted = Readonly<Record<string, (...args: (string | number)[]) => Promise<unknown>>>

export async function run(redis: Connection, command: string, ...args: (string | number)[]): Promise<unknown> {
  const script = (redis as unknown as Scripted)[command]
  if (script === undefined) throw new Error(`the connection does not know ${command}: call defineScripts first`)
  return await script.call(redis, ...args)
}

/** One event as a script stores it: the stored event's text without its first brace. */
export type Storable = {
  readonly jobId: string
  readonly name: string
  /** Epoch milliseconds; BullMQ's `timestamp` of the job. */
  readonly timestamp: number
  readonly rest: string
}

const pair = (answer: unknown): [number, string] => {
  const [code, detail] = answer as [number, string | number]
  return [Number(code), String(detail)]
}

export type Turn = {
  /** The job is the head of its lane, and the lane is not blocked. */
  readonly isTurn: boolean
  readonly putOffSince: number | undefined
  /** Starts of this job that left no line in the attempt record on purpose. */
  readonly unrecorded: number
}

export async function runGuard(
  redis: Connection,
  keys: ShardKeys,
  jobId: string,
  starts: number,
  vanishedLine: string,
): Promise<Turn> {
  const [isTurn, putOffSince, unrecorded] = (await run(
    redis,
    'bridgeGuard',
    keys.heads,
    keys.blocked,
    keys.job(jobId),
    keys.attempts(jobId),
    jobId,
    starts,
    vanishedLine,
  )) as [number, string, number]
  return {
    isTurn: isTurn === 1,
    putOffSince: putOffSince === '' ? undefined : Number(putOffSince),
    unrecorded: Number(unrecorded),
  }
}

export type DeadHead = 'advance' | 'block'

export type SweepAnswer = { readonly advanced: number; readonly blocked: number; readonly failures: number }

export async function runSweep(
  redis: Connection,
  keys: ShardKeys,
  policy: DeadHead,
  now: number,
  laneKeys: readonly string[],
): Promise<SweepAnswer> {
  const [advanced, blocked, failures] = (await run(
    redis,
    'bridgeSweep',
    keys.heads,
    keys.blocked,
    keys.completed,
    keys.failed,
    keys.base,
    policy,
    now,
    ...laneKeys,
  )) as [number, number, number]
  return { advanced, blocked, failures }
}

/** Removes at most `limit` finished jobs of `set` up to `before`, leaving at least `keep` (-1 = any). Answers how many. */
export async function runTrim(
  redis: Connection,
  keys: ShardKeys,
  { set, before, limit, keep }: { set: string; before: number; limit: number; keep: number },
): Promise<number> {
  return Number(await run(redis, 'bridgeTrim', set, keys.heads, keys.base, before, limit, keep))
}

/** Looks at about so many keys from `cursor` on and prunes the call records among them. Answers where to go on: `0` after the last. */
export async function runPrune(
  redis: Connection,
  keys: ShardKeys,
  cursor: string,
  count: number,
  upTo: number,
): Promise<string> {
  return String(await run(redis, 'bridgePrune', keys.heads, keys.base, cursor, count, upTo))
}

export type ReplayAnswer = { readonly status: 'replayed' | 'before' | 'not-dead'; readonly jobId: string }

export async function runReplay(
  redis: Connection,
  keys: ShardKeys,
  deadJobId: string,
  eventId: string,
  event: Omit<Storable, 'jobId'>,
): Promise<ReplayAnswer> {
  const [code, jobId] = pair(
    await run(
      redis,
      'bridgeReplay',
      keys.heads,
      keys.blocked,
      keys.failed,
      keys.replayed,
      keys.job(deadJobId),
      keys.base,
      deadJobId,
      eventId,
      event.name,
      event.timestamp,
      event.rest,
    ),
  )
  return { status: code === 1 ? 'replayed' : code === 0 ? 'before' : 'not-dead', jobId }
}

export async function runDiscard(redis: Connection, keys: ShardKeys, deadJobId: string): Promise<boolean> {
  return (
    (await run(
      redis,
      'bridgeDiscard',
      keys.heads,
      keys.blocked,
      keys.failed,
      keys.job(deadJobId),
      keys.base,
      deadJobId,
    )) === 1
  )
}

/** Notes where the search finds lanes; each text as who.ts makes it. */
export async function runFound(
  redis: Connection,
  keys: ShardKeys,
  foundForMs: number,
  texts: readonly string[],
): Promise<void> {
  await run(redis, 'bridgeFound', keys.heads, keys.base, foundForMs, ...texts)
}
