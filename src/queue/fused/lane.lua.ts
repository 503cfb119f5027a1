/**
 * Lua shared by the scripts of a lane: the next sequence, adding a head, advancing to the next follower.
 * Every step writes what receivers rely on last, so that a refused command leaves nothing half done behind it.
 */

/**
 * Options of every job of ours. Attempts are BullMQ's ceiling, above every processor's: the runner decides when an event is dead, and
 * how long it waits, not BullMQ.
 */
export const jobOptions = { attempts: 1_000_000_000, backoff: { type: 'custom' } }

/** BullMQ's keys of one job, all of them. Needs `call`. */
export const removeJobLua = `
local function removeJob(job)
  call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed', job .. ':failed', job .. ':unsuccessful')
end
`

/**
 * ARGV 1 of every script with this in front is base, `{PREFIX:shard}`. A follower is `id name timestamp data`, one space between them.
 * What a job is and where it waits is BullMQ's: the very fields, lists and marker that its own addStandardJob writes for a job like
 * ours (docs/adr/0025), without the counter of ids it does not need and the entries in its stream of events.
 */
export const laneLua = `
local call = redis.call
local base = ARGV[1]
local queue = base .. ':events:'
local headsKey, blockedKey = base .. ':heads', base .. ':blocked'
local time = call('TIME')

local function asText(number)
  return string.format('%.0f', number)
end

-- What is judged later by its age is dated by this server: the clocks of workers may be hours apart.
local serverMs = asText(time[1] * 1000 + math.floor(time[2] / 1000))
local serverUs = time[1] * 1000000 + time[2]

-- The larger of the last one + 1 and the microseconds of this server's clock: grows even if the record was trimmed away.
local function nextSequence(lane)
  local last = call('ZREVRANGE', base .. ':call:' .. lane, 0, 0, 'WITHSCORES')[2]
  if last and tonumber(last) >= serverUs then return tonumber(last) + 1 end
  return serverUs
end

-- A worker that waits is woken, once a script. Not by a queue that is paused, or has as many active as it may.
local mayWake = true
local function wake()
  if not mayWake then return end
  mayWake = false
  local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency')
  if meta[1] or (meta[2] and call('LLEN', queue .. 'active') >= tonumber(meta[2])) then return end
  call('ZADD', queue .. 'marker', 0, '0')
end

local function addHead(lane, id, name, timestamp, data)
  local job = queue .. id
  -- A job that is there already stays what it is.
  if call('EXISTS', job) == 0 then
    call('HSET', job, 'name', name, 'data', data, 'opts', '${JSON.stringify(jobOptions)}',
      'timestamp', timestamp, 'delay', 0, 'priority', 0, 'lane', lane)
    call('LPUSH', queue .. 'wait', id)
    wake()
  end
  call('HSET', headsKey, lane, id)
end

-- What it is about: its id, name and timestamp, one space between them.
local function park(lane, about, data)
  return call('RPUSH', base .. ':lane:' .. lane, about .. ' ' .. data)
end

-- The next follower becomes the head; without one the lane is gone. One that cannot be added goes back to its place.
local function advance(lane)
  local followers = base .. ':lane:' .. lane
  local follower = call('LPOP', followers)
  if not follower then
    call('HDEL', headsKey, lane)
    return false
  end
  local id, name, timestamp, data = string.match(follower, '^(%S+) (%S+) (%S+) (.*)$')
  local isAdded, failure = pcall(addHead, lane, id, name, timestamp, data)
  if isAdded then return true end
  call('LPUSH', followers, follower)
  error(failure, 0)
end

-- The text of what pcall caught: a table since Redis 7, text before.
local function textOf(failure)
  return type(failure) == 'table' and (failure.err or '') or tostring(failure)
end

-- The answer to all of a call, if what pcall caught is of the connection and not of one event. Raised again it would begin with ERR,
-- and the client would not look for another server.
local function ofAll(failure)
  local text = string.match(textOf(failure), 'READONLY.*')
  return text and { err = text }
end
`
