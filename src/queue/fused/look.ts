/**
 * Looks: scripts that only read. One step each, so that an event that moves on meanwhile is never seen in two places or in none.
 * Their work is bounded by what they are handed; whoever needs more calls again.
 */
import type { ShardKeys } from '../keys.ts'
import type { Connection } from './commands.ts'

/**
 * One stretch of the lanes: how many are parked, and since when the longest waits that nobody works on.
 * KEYS heads, blocked, delayed. ARGV base, cursor, lanes per stretch, oldest so far in epoch milliseconds (0 = none).
 * Only a head that could be the oldest is asked for its state. Answers {next cursor, parked, oldest}.
 */
const walkLua = `
local call = redis.call
local base, oldest = ARGV[1], tonumber(ARGV[4])
local parked = 0
local areBlocked = call('HLEN', KEYS[2]) > 0
local stretch = call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local function consider(text)
  local at = tonumber(text)
  if at and (oldest == 0 or at < oldest) then oldest = at end
end
for i = 1, #stretch[2], 2 do
  local lane, id = stretch[2][i], stretch[2][i + 1]
  local followers = base .. ':lane:' .. lane
  local length = call('LLEN', followers)
  parked = parked + length
  if not (areBlocked and call('HEXISTS', KEYS[2], lane) == 1) then
    if length > 0 then
      local _, _, at = string.find(call('LINDEX', followers, 0), '^%S+ %S+ (%S+) ')
      consider(at)
    end
    local job = base .. ':events:' .. id
    local at = tonumber(call('HGET', job, 'timestamp'))
    if at and (oldest == 0 or at < oldest) and not call('ZSCORE', KEYS[3], id)
      and call('EXISTS', job .. ':lock') == 0 and call('HEXISTS', job, 'finishedOn') == 0 then
      oldest = at
    end
  end
end
return { stretch[1], parked, string.format('%.0f', oldest) }
`

/**
 * Jobs as they are now. KEYS completed, failed, replayed, delayed. ARGV base, most bytes of data, most lines of each, then job ids.
 * Answers for each {where, score in that set or '', name, timestamp, lane, replayedAs, attempts made, error, bytes of data, data or '', lines};
 * {} if it is gone.
 */
const jobsLua = `
local call = redis.call
local base, bytes, lines = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local sets = { { 'completed', KEYS[1] }, { 'failed', KEYS[2] }, { 'replayed', KEYS[3] }, { 'delayed', KEYS[4] } }
local jobs = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local job = base .. ':events:' .. id
  local f = call('HMGET', job, 'name', 'timestamp', 'lane', 'replayedAs', 'atm', 'failedReason', 'lastLine')
  local found = {}
  if f[1] then
    local where, score = nil, ''
    for _, set in ipairs(sets) do
      local at = call('ZSCORE', set[2], id)
      if at then
        where, score = set[1], at
        break
      end
    end
    if not where then where = call('EXISTS', job .. ':lock') == 1 and 'active' or 'waiting' end
    local length = bytes > 0 and call('HSTRLEN', job, 'data') or 0
    local data = length > 0 and length <= bytes and call('HGET', job, 'data') or ''
    local log = lines > 0 and call('LRANGE', job .. ':logs', -lines, -1) or {}
    if lines > 0 and f[7] and f[7] ~= '' then
      if #log == lines then table.remove(log, 1) end
      log[#log + 1] = f[7]
    end
    found = { where, score, f[1], f[2] or '', f[3] or '', f[4] or '', f[5] or '0', f[6] or '', length, data, log }
  end
  jobs[#jobs + 1] = found
end
return jobs
`

/**
 * A process tells that it lives. KEYS when each was last heard, what each says. ARGV id, text, for how many milliseconds the others
 * are remembered ('' = nobody is forgotten now), for how many both keys stay.
 */
const beatLua = `
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = tonumber(ARGV[3])
call('HSET', KEYS[2], ARGV[1], ARGV[2])
call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
if not kept then return 1 end
for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - kept))) do
  call('HDEL', KEYS[2], id)
  call('ZREM', KEYS[1], id)
end
call('PEXPIRE', KEYS[1], ARGV[4])
call('PEXPIRE', KEYS[2], ARGV[4])
return 1
`

const looks = {
  bridgeWalk: { numberOfKeys: 3, lua: walkLua },
  bridgeJobs: { numberOfKeys: 4, lua: jobsLua },
  bridgeBeat: { numberOfKeys: 2, lua: beatLua },
} as const

type Scripted = Record<string, ((...args: (string | number)[]) => Promise<unknown>) | undefined>

/**
 * Teaches a connection all looks. Before its first use, if it pipelines by itself: a pipeline that has begun does not know
 * what is defined after it.
 */
export function defineLooks(redis: Connection): void {
  for (const [name, script] of Object.entries(looks)) redis.defineCommand(name, script)
}

/** A connection that was not taught them is taught this one, so that any can look. */
async function look(redis: Connection, name: keyof typeof looks, ...args: (string | number)[]): Promise<unknown> {
  const scripted = redis as unknown as Scripted
  if (scripted[name] === undefined) redis.defineCommand(name, looks[name])
  return await scripted[name]?.call(redis, ...args)
}

export type Stretch = { readonly cursor: string; readonly parked: number; readonly oldestAt: number }

/** The lanes of one shard from `cursor` (first '0') on, about `count` of them. The last stretch answers cursor '0'. */
export async function walkLanes(
  redis: Connection,
  keys: ShardKeys,
  { cursor, count, oldestAt }: { cursor: string; count: number; oldestAt: number },
): Promise<Stretch> {
  const answer = await look(
    redis,
    'bridgeWalk',
    keys.heads,
    keys.blocked,
    keys.delayed,
    keys.base,
    cursor,
    count,
    oldestAt,
  )
  const [next, parked, oldest] = answer as [string, number, string]
  return { cursor: next, parked, oldestAt: Number(oldest) }
}

export type JobLook = {
  readonly jobId: string
  readonly where: 'completed' | 'failed' | 'replayed' | 'delayed' | 'active' | 'waiting'
  /** When it was finished, or when it goes on if it is delayed, in epoch milliseconds; 0 for others. */
  readonly at: number
  readonly name: string
  readonly timestamp: number
  readonly laneKey: string
  /** Job id of its replay; empty if it was not replayed. */
  readonly replayedAs: string
  readonly attemptsMade: number
  readonly error: string
  /** The stored event as text; empty if it was not asked for, or is longer than 256 KiB. */
  readonly data: string
  /** How long it is. */
  readonly dataBytes: number
  readonly lines: readonly string[]
}

/** Jobs looked at in one step. */
const jobsPerLook = 50

/** A body may be a megabyte; fifty of them in one answer would hold Redis up. */
const maxDataBytes = 262_144

/** The jobs of one shard, in the order asked for, without those that are gone. `lines`: the latest of each, default all. */
export async function lookAtJobs(
  redis: Connection,
  keys: ShardKeys,
  jobIds: readonly string[],
  { data = true, lines = 1_000_000 }: { data?: boolean; lines?: number } = {},
): Promise<JobLook[]> {
  const found: JobLook[] = []
  for (let from = 0; from < jobIds.length; from += jobsPerLook) {
    const some = jobIds.slice(from, from + jobsPerLook)
    const sets = [keys.completed, keys.failed, keys.replayed, keys.delayed]
    const answer = await look(redis, 'bridgeJobs', ...sets, keys.base, data ? maxDataBytes : 0, lines, ...some)
    for (const [index, job] of (answer as unknown[][]).entries()) {
      if (job.length > 0) found.push(jobOf(some[index] ?? '', job))
    }
  }
  return found
}

function jobOf(jobId: string, job: unknown[]): JobLook {
  const [where, score, name, timestamp, laneKey, replayedAs, attempts, error, bytes, data, lines] = job as [
    JobLook['where'],
    ...string[],
  ]
  // BullMQ scores what is delayed by its time and, in the lowest 12 bits, its order.
  const at = where === 'delayed' ? Math.floor(Number(score) / 0x1000) : Number(score)
  return {
    jobId,
    where,
    at,
    name: name ?? 'Unknown',
    timestamp: Number(timestamp),
    laneKey: laneKey ?? '',
    replayedAs: replayedAs ?? '',
    attemptsMade: Number(attempts),
    error: error ?? '',
    data: data ?? '',
    dataBytes: Number(bytes),
    lines: lines as unknown as string[],
  }
}

/** Tells that process `id` lives, and what it says of itself; with `forgets`, others not heard of for `keptMs` go. */
export async function tellAlive(
  redis: Connection,
  keys: ShardKeys,
  { id, text, keptMs, forgets }: { id: string; text: string; keptMs: number; forgets: boolean },
): Promise<void> {
  await look(redis, 'bridgeBeat', keys.alive, keys.heartbeats, id, text, forgets ? keptMs : '', 2 * keptMs)
}
