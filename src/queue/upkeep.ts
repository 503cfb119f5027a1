/**
 * Upkeep of one shard: sweep and trim, every two seconds, by one process at a time.
 * In all trials the sweep had nothing to repair: it is there for what others do to the queue from outside.
 */
import { randomUUID } from 'node:crypto'
import { type Log, limitedLog } from '../log.ts'
import { serverNow } from './clock.ts'
import { type Connection, type DeadHead, runPrune, runSweep, runTrim } from './fused/commands.ts'
import { queueName, type ShardKeys } from './keys.ts'
import { memoryRule, memoryShare } from './memory.ts'
import { isOutOfMemory } from './redis-errors.ts'

/** No job younger than this is removed: sweep and spool rely on what is there. */
export const retentionFloorMs = 15 * 60_000

const headsPerPass = 1_000
const jobsPerTrim = 1_000
const trimsPerPass = 10
const recordsPerPass = 100

export type UpkeepSightings = {
  /** Lanes, by what was done to them. */
  repaired(kind: 'advanced' | 'blocked', count: number): void
  /** Completed events, before their retention. */
  trimmedEarly(count: number): void
}

export type UpkeepOptions = {
  readonly redis: Connection
  readonly keys: ShardKeys
  readonly deadHead: DeadHead
  /** How long completed events are kept, in milliseconds. */
  readonly retentionMs: number
  /** How many completed events are kept, over all shards divided by their number. */
  readonly retentionMaxEvents: number
  readonly log: Log
  /** Told what a pass had to do beyond its routine; nobody by default. */
  readonly sightings?: UpkeepSightings | undefined
  /** Default 2,000 ms. */
  readonly everyMs?: number
  /** Default: the clock of Redis, by which finished events are dated. */
  readonly now?: () => number
}

export type Upkeep = {
  /** One pass now, whoever else sweeps. Answers what it did. */
  pass(): Promise<{ advanced: number; blocked: number; trimmed: number }>
  stop(): Promise<void>
}

/** Starts the passes. Errors are logged and the next pass tries again. */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const { redis, keys, deadHead, retentionMs, retentionMaxEvents, log, sightings, everyMs = 2_000 } = options
  const now = options.now ?? (() => serverNow(redis))
  const me = randomUUID()
  const refused = limitedLog(log, { everyMs: 10_000, byError: true })
  // In doubt tight: a memory that fell below 80 % under another process must fall on, or the ingress spools for ever.
  const inDoubt = () => memoryRule({ first: true })
  let isTight = inDoubt()
  let headCursor = '0'
  let recordCursor = '0'
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopped = false

  const sweep = async (at: number) => {
    const [next, flat] = await redis.hscan(keys.heads, headCursor, 'COUNT', headsPerPass)
    headCursor = next
    const laneKeys = flat.filter((_, index) => index % 2 === 0)
    if (laneKeys.length === 0) return { advanced: 0, blocked: 0 }
    const { advanced, blocked, failures } = await runSweep(redis, keys, deadHead, at, laneKeys)
    if (advanced + blocked + failures > 0) {
      sightings?.repaired('advanced', advanced)
      sightings?.repaired('blocked', blocked)
      log.warn(
        { shard: keys.shard, advanced, blocked, failures },
        'lanes repaired: something other than the bridge changed the queue',
      )
    }
    return { advanced, blocked }
  }

  const trimSet = async (set: string, before: number, keep: number) => {
    let trimmed = 0
    for (let turn = 0; turn < trimsPerPass; turn += 1) {
      const removed = await runTrim(redis, keys, { set, before, limit: jobsPerTrim, keep })
      trimmed += removed
      if (removed < jobsPerTrim) break
    }
    return trimmed
  }

  const trim = async (at: number) => {
    const floor = at - retentionFloorMs
    const old = at - Math.max(retentionMs, retentionFloorMs)
    let trimmed = await trimSet(keys.completed, old, -1)
    trimmed += await trimSet(keys.replayed, old, -1)
    trimmed += await trimSet(keys.completed, floor, retentionMaxEvents)
    return trimmed + (await trimEarly(floor))
  }

  const trimEarly = async (floor: number) => {
    let trimmed = 0
    for (let turn = 0; turn < trimsPerPass && isTight(await memoryShare(redis)); turn += 1) {
      const removed = await runTrim(redis, keys, { set: keys.completed, before: floor, limit: jobsPerTrim, keep: -1 })
      trimmed += removed
      if (removed < jobsPerTrim) break
    }
    if (trimmed > 0) {
      sightings?.trimmedEarly(trimmed)
      log.warn({ shard: keys.shard, events: trimmed }, 'redis memory above 80 %: oldest completed events removed early')
    }
    return trimmed
  }

  /** A slow walk over the call records, for ids whose jobs were removed from outside or discarded. */
  const prune = async (at: number) => {
    const upTo = (at - Math.max(retentionMs, retentionFloorMs)) * 1_000
    recordCursor = await runPrune(redis, keys, recordCursor, recordsPerPass, upTo)
  }

  const pass = async () => {
    const at = await now()
    const swept = await sweep(at)
    const trimmed = await trim(at)
    await prune(at)
    return { ...swept, trimmed }
  }

  const isMyTurn = async () => {
    try {
      if ((await redis.set(keys.sweeper, me, 'PX', everyMs * 5, 'NX')) === 'OK') return true
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      // A full memory takes no mark, and needs the trim more than ever. Every step of a pass bears company.
      if ((await redis.get(keys.sweeper)) === null) return true
    }
    if ((await redis.get(keys.sweeper)) !== me) return false
    await redis.pexpire(keys.sweeper, everyMs * 5)
    return true
  }

  const tick = async () => {
    try {
      if (await isMyTurn()) await pass()
      else isTight = inDoubt()
    } catch (error) {
      if (!stopped) refused.warn({ shard: keys.shard, error: String(error) }, 'upkeep failed, trying again')
    }
    if (stopped) return
    timer = setTimeout(() => {
      running = tick()
    }, everyMs)
  }
  running = tick()

  return {
    pass,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
      // The next process need not wait for the mark to expire. A race with its expiry costs one pass at most.
      if ((await redis.get(keys.sweeper)) === me) await redis.del(keys.sweeper)
    },
  }
}

/** The length BullMQ keeps its stream of queue events at; nothing of ours reads it. */
export async function keepEventStreamShort(redis: Connection, keys: ShardKeys): Promise<void> {
  await redis.hset(`${keys.base}:${queueName}:meta`, 'opts.maxLenEvents', 1_000)
}
