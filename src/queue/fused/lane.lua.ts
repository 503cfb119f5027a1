/**
 * Lua shared by the scripts of a lane: the next sequence, adding a head, advancing to the next follower.
 * Every step writes what receivers rely on last, so that a refused command leaves nothing half done behind it.
 */
import { type BullmqScripts, inlined } from './bullmq-scripts.ts'

/**
 * The ceiling of BullMQ's own attempts, above every processor's: the runner decides when an event is dead, not BullMQ.
 */
export const bullmqAttempts = 1_000_000_000

/** BullMQ's keys of one job, all of them. Needs `call`. */
export const removeJobLua = `
local function removeJob(job)
  call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed', job .. ':failed', job .. ':unsuccessful')
end
`

/** Needs `bullAdd`. `base` is `{PREFIX:shard}`; a follower is `id name timestamp data`, one space between them. */
const shared = `
local call = redis.call
local jobOptions = cmsgpack.pack({ attempts = ${bullmqAttempts}, backoff = { type = 'custom' } })

local function asText(number)
  return string.format('%.0f', number)
end

-- What is judged later by its age is dated by this server: the clocks of workers may be hours apart.
local function serverMs()
  local time = call('TIME')
  return asText(time[1] * 1000 + math.floor(time[2] / 1000))
end

-- The larger of the last one + 1 and the microseconds of this server's clock: grows even if the record was trimmed away.
local function nextSequence(base, lane)
  local time = call('TIME')
  local now = time[1] * 1000000 + time[2]
  local last = call('ZREVRANGE', base .. ':call:' .. lane, 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) >= now then return tonumber(last[2]) + 1 end
  return now
end

local function addHead(base, lane, id, name, timestamp, data)
  local queue = base .. ':events:'
  bullAdd({ queue .. 'wait', queue .. 'paused', queue .. 'meta', queue .. 'id', queue .. 'completed', queue .. 'delayed',
    queue .. 'active', queue .. 'events', queue .. 'marker' },
    { cmsgpack.pack({ queue, id, name, timestamp }), data, jobOptions })
  call('HSET', queue .. id, 'lane', lane)
  call('HSET', base .. ':heads', lane, id)
end

local function park(base, lane, id, name, timestamp, data)
  return call('RPUSH', base .. ':lane:' .. lane, id .. ' ' .. name .. ' ' .. timestamp .. ' ' .. data)
end

-- The next follower becomes the head; without one the lane is gone. The follower is read, added, and only then taken off.
local function advance(base, lane)
  local followers = base .. ':lane:' .. lane
  local follower = call('LINDEX', followers, 0)
  if not follower then
    call('HDEL', base .. ':heads', lane)
    return false
  end
  local id, name, timestamp, data = string.match(follower, '^(%S+) (%S+) (%S+) (.*)$')
  addHead(base, lane, id, name, timestamp, data)
  call('LPOP', followers)
  return true
end
`

/** The shared part, with BullMQ's script to add a job inlined. */
export function laneLua(scripts: BullmqScripts): string {
  return inlined('bullAdd', scripts.addStandardJob) + shared
}
