/**
 * Upkeep of one shard, by one process at a time: every two seconds the sweep and a look at the memory, every ten seconds the trim
 * and the walk over call records, too. An idle bridge asks little of Redis, so what can wait is not asked for often.
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
const recordsPerPass = 500

/** One pass in so many is thorough; after one that left old jobs behind, so is the next. */
const passesPerThorough = 5

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
  /** One thorough pass now, whoever else sweeps. Answers what it did. */
  pass(): Promise<{ advanced: number; blocked: number; trimmed: number }>
  stop(): Promise<void>
}

/** Starts the passes. Errors are logged and the next pass tries again. */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const { redis, keys, deadHead, retentionMs, retentionMaxEvents, log, sightings, everyMs = 2_000 } = options
  const now = options.now ?? (() => serverNow(redis))
  const me = randomUUID()
  const markMs = everyMs * 5
  const refused = limitedLog(log, { everyMs: 10_000, byError: true })
  // In doubt tight: a memory that fell below 80 % under another process must fall on, or the ingress spools for ever.
  const inDoubt = () => memoryRule({ first: true })
  let isTight = inDoubt()
  let headCursor = '0'
  let recordCursor = '0'
  let isBehind = false
  let untilThorough = 0
  /** By a clock that never steps: until then the mark is ours, unless somebody removed it. */
  let mineUntil = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopped = false

  const sweep = async () => {
    const [next, flat] = await redis.hscan(keys.heads, headCursor, 'COUNT', headsPerPass)
    headCursor = next
    const laneKeys = flat.filter((_, index) => index % 2 === 0)
    if (laneKeys.length === 0) return { advanced: 0, blocked: 0 }
    const { advanced, blocked, failures } = await runSweep(redis, keys, deadHead, await now(), laneKeys)
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
      if (removed < jobsPerTrim) return trimmed
    }
    isBehind = true
    return trimmed
  }

  const trim = async (at: number) => {
    const old = at - Math.max(retentionMs, retentionFloorMs)
    isBehind = false
    const trimmed = await trimSet(keys.completed, old, -1)
    const again = await trimSet(keys.replayed, old, -1)
    return trimmed + again + (await trimSet(keys.completed, at - retentionFloorMs, retentionMaxEvents))
  }

  const trimEarly = async () => {
    let trimmed = 0
    for (let turn = 0; turn < trimsPerPass && isTight(await memoryShare(redis)); turn += 1) {
      const before = (await now()) - retentionFloorMs
      const removed = await runTrim(redis, keys, { set: keys.completed, before, limit: jobsPerTrim, keep: -1 })
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

  const pass = async (isThorough = true) => {
    const swept = await sweep()
    let trimmed = 0
    if (isThorough) {
      const at = await now()
      trimmed += await trim(at)
      await prune(at)
    }
    trimmed += await trimEarly()
    return { ...swept, trimmed }
  }

  /** Once in a while the mark is read: a Redis that lost it may have given it to another. */
  const isMyTurn = async (isThorough: boolean) => {
    const asked = performance.now()
    if (asked < mineUntil) {
      const isMine = !isThorough || (await redis.get(keys.sweeper)) === me
      if (isMine && (await redis.pexpire(keys.sweeper, markMs)) === 1) {
        mineUntil = asked + markMs
        return true
      }
      mineUntil = Number.NEGATIVE_INFINITY
    }
    try {
      if ((await redis.set(keys.sweeper, me, 'PX', markMs, 'NX')) === null) return false
      mineUntil = asked + markMs
      return true
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      // A full memory takes no mark, and needs the trim more than ever. Every step of a pass bears company.
      return (await redis.get(keys.sweeper)) === null
    }
  }

  const tick = async () => {
    try {
      const isThorough = isBehind || untilThorough === 0
      if (await isMyTurn(isThorough)) {
        await pass(isThorough)
        untilThorough = (isThorough ? passesPerThorough : untilThorough) - 1
      } else {
        isTight = inDoubt()
        untilThorough = 0
      }
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
    pass: () => pass(),
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
