/**
 * Upkeep: guard, sweep and trim. They repair or remove only what others did to the queue from outside, or what is old.
 */
import { maxAttemptLines, outOfTurn } from './finish.lua.ts'
import { laneLua, removeJobLua } from './lane.lua.ts'

/**
 * Guard of a second start: is this job still the head of its lane, and the lane not blocked?
 * KEYS heads, blocked, job, attempt lines. ARGV job id, starts so far, line to write for each earlier start that left
 * none, with any number as its run.
 * Answers {1 or 0, since when it is put off or '', starts without a line}.
 */
export const guardLua = `
local call = redis.call
local fields = call('HMGET', KEYS[3], 'lane', 'putOffSince', 'unrecorded', 'lastLine')
local lane, unrecorded = fields[1], tonumber(fields[3] or 0)
local isTurn = lane and call('HGET', KEYS[1], lane) == ARGV[1] and call('HEXISTS', KEYS[2], lane) == 0
local lines = call('LLEN', KEYS[4]) + (fields[4] and 1 or 0)
local before = tonumber(ARGV[2]) - 1
if lines < ${maxAttemptLines} then
  for run = math.max(lines + unrecorded, before - ${maxAttemptLines}) + 1, before do
    call('RPUSH', KEYS[4], (string.gsub(ARGV[3], '"run":%d+', '"run":' .. string.format('%.0f', run))))
  end
end
return { isTurn and 1 or 0, fields[2] or '', unrecorded }
`

/**
 * Sweep: for each lane given, checks its head and acts in the same step.
 * KEYS heads, blocked, completed, failed. ARGV base, policy, now, then lane keys.
 * Answers {advanced, blocked, failed checks}.
 */
export const sweepLua = `${laneLua}
local policy, now = ARGV[2], ARGV[3]
local advanced, blocked, failures = 0, 0, 0

local function check(lane)
  local id = call('HGET', KEYS[1], lane)
  if not id then return end
  local fields = call('HMGET', base .. ':events:' .. id, 'timestamp', 'finishedOn')
  local isGone = not fields[1]
  if not isGone and not fields[2] then return end
  local isDead = not isGone and call('ZSCORE', KEYS[4], id)
  if isDead and call('HEXISTS', KEYS[2], lane) == 1 then return end
  -- Finished by something that is not ours, so without the finish script's mark.
  if not isGone then call('HSET', base .. ':events:' .. id, 'defa', '${outOfTurn}') end
  if isDead and policy == 'block' then
    call('HSET', KEYS[2], lane, now)
    blocked = blocked + 1
  elseif isGone or isDead or call('ZSCORE', KEYS[3], id) then
    call('HDEL', KEYS[2], lane)
    advance(lane)
    advanced = advanced + 1
  end
end

for i = 4, #ARGV do
  -- Each lane on its own: one that cannot be repaired must not keep the others.
  local ok = pcall(check, ARGV[i])
  if not ok then failures = failures + 1 end
end
return { advanced, blocked, failures }
`

/**
 * Trim: removes the oldest finished jobs of one set, with their place in the call record.
 * KEYS set of finished jobs, heads. ARGV base, remove those up to this time, at most so many, and no more than would
 * leave so many in the set (-1 = any). Answers how many it removed.
 */
export const trimLua = `
local call = redis.call
${removeJobLua}
local base, before, limit, keep = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if keep >= 0 then limit = math.min(limit, call('ZCARD', KEYS[1]) - keep) end
if limit <= 0 then return 0 end
local ids = call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, limit)
local removed = 0
for _, id in ipairs(ids) do
  local job = base .. ':events:' .. id
  local lane = call('HGET', job, 'lane')
  if not lane or call('HGET', KEYS[2], lane) ~= id then
    call('ZREM', KEYS[1], id)
    if lane then call('ZREM', base .. ':call:' .. lane, id) end
    removeJob(job)
    removed = removed + 1
  end
end
return removed
`

/**
 * Removes from call records the ids whose jobs were removed from outside, where the lane is empty. The look for records is in
 * the script, too: so it goes to the server that holds the shard, wherever in a Cluster that is.
 * KEYS heads. ARGV base, cursor of SCAN, keys to look at, remove ids with a sequence up to this. Answers the next cursor.
 */
export const pruneLua = `
local call = redis.call
local base = ARGV[1]
local records = base .. ':call:'
local found = call('SCAN', ARGV[2], 'MATCH', records .. '*', 'COUNT', ARGV[3])
for _, record in ipairs(found[2]) do
  if call('HEXISTS', KEYS[1], string.sub(record, #records + 1)) == 0 then
    for _, id in ipairs(call('ZRANGEBYSCORE', record, '-inf', ARGV[4], 'LIMIT', 0, 1000)) do
      if call('EXISTS', base .. ':events:' .. id) == 0 then call('ZREM', record, id) end
    end
  end
end
return found[1]
`
