/**
 * Finish: a head becomes final as BullMQ has it, its lane advances (or is blocked), the worker gets its next job: one step, for as
 * many jobs as have ended. Only the owner of a job's lock gets past the first part, so only it advances, once.
 */
import { type BullmqScripts, inlined } from './bullmq-scripts.ts'
import { laneLua } from './lane.lua.ts'

/** Lines kept per job; RetryLaterError could write one a second for a day. */
export const maxAttemptLines = 200

/**
 * What a board's retry of a finished event ends in: BullMQ fails a job with this field without running it. The guard
 * alone would not do, since a retry can also reset the count of starts.
 */
export const outOfTurn = 'out of turn: an event runs again by replay only'

/** Lanes kept per number, the latest: an extension takes part in any number of calls. */
export const maxLanesPerTerm = 1_000

/** KEYS of the finish script by their names in BullMQ: those of its moveToActive, in its order. */
export const finishKeys = [
  'wait',
  'active',
  'prioritized',
  'events',
  'stalled',
  'limiter',
  'delayed',
  'paused',
  'meta',
  'pc',
  'marker',
] as const

/** What a job that is not ours is answered: BullMQ's own script is to finish it. */
export const notOurs = -100

/**
 * Lua that notes where the search finds a lane: `time terms,with,commas lane`. What is noted is written at the end of the script, once
 * for each number, however many lanes name it: an extension is in most. Needs laneLua, and `keptMs`.
 */
const foundLua = `
local foundByTerm = {}
local function noteFound(text)
  local at, terms, lane = string.match(text, '^(%S+) (%S+) (.*)$')
  for term in string.gmatch(terms, '[^,]+') do
    local lanes = foundByTerm[term] or {}
    foundByTerm[term] = lanes
    lanes[#lanes + 1] = at
    lanes[#lanes + 1] = lane
  end
end

local function writeFound(term, lanes)
  local who = base .. ':who:' .. term
  if call('ZADD', who, unpack(lanes)) > 0 and call('ZCARD', who) > ${maxLanesPerTerm} then
    call('ZREMRANGEBYRANK', who, 0, -${maxLanesPerTerm} - 1)
  end
  call('PEXPIRE', who, keptMs)
end
`

/** Notes where the search finds lanes. KEYS heads. ARGV base, kept for milliseconds, then one text for each lane. */
export const foundByLua = `${laneLua}
local keptMs = ARGV[2]
${foundLua}
for i = 3, #ARGV do noteFound(ARGV[i]) end
for term, lanes in pairs(foundByTerm) do writeFound(term, lanes) end
return 1
`

/**
 * KEYS those of BullMQ's moveToActive. ARGV base, dead head policy, the worker's time, how long it locks what it gets, how long
 * the search finds a lane; then for each job: `token outcome next more id`, line of the attempt record ('' = none), where the search
 * finds it ('' = no news), and `more` further texts. `outcome` is completed, skipped or failed; `next` is 1 to get another job in its
 * place; of a failed one the reason, and then name and value of fields, are further texts.
 * What it writes is what BullMQ's moveToFinished and moveToActive write for jobs like ours, without their entries in the stream of
 * events (docs/adr/0025). Where the queue has what ours never use (a pause, a rate, priorities, delayed jobs that are
 * due) BullMQ's own script hands out the next.
 * Answers for each job: 0 or the next job as moveToActive answers it, a first start with `name timestamp data` for its fields; or a
 * code of BullMQ's below 0, or the text of an error.
 */
export function finishLua(scripts: BullmqScripts): string {
  return `${laneLua}
${inlined('bullFetch', scripts.moveToActive)}
local policy, now, lockMs, keptMs = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local waitKey, activeKey = KEYS[1], KEYS[2]
local meta = call('HMGET', KEYS[9], 'paused', 'concurrency', 'max', 'duration')
local nextDelayed = call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')[2]
local isPlain = not (meta[1] or meta[2] or meta[3] or meta[4])
  and not (nextDelayed and tonumber(nextDelayed) < (now + 1) * 0x1000)
-- Those that BullMQ's check for stalled jobs is looking at.
local areSuspects = call('EXISTS', KEYS[5]) == 1
local areBlocked = call('HLEN', blockedKey) > 0
${foundLua}
-- What has ended: one table for each job.
local ends, locks = {}, {}
local i = 6
while i <= #ARGV do
  local token, outcome, next, more, id = string.match(ARGV[i], '^(%S+) (%S+) (%S+) (%S+) (.*)$')
  ends[#ends + 1] = { id = id, token = token, outcome = outcome, isNextWanted = next == '1',
    line = ARGV[i + 1], found = ARGV[i + 2], from = i + 3, to = i + 2 + more }
  locks[#locks + 1] = queue .. id .. ':lock'
  i = i + 3 + more
end
local holderOf = {}
for n, holder in ipairs(call('MGET', unpack(locks))) do holderOf[locks[n]] = holder end

-- Written once for all of them: the locks given up, and for each set what is final now, its time and its id in turns.
local released, final = {}, { completed = {}, failed = {} }

local function finish(ended)
  local id, job = ended.id, queue .. ended.id
  local known = call('HMGET', job, 'name', 'lane', 'atm', 'deid', 'parentKey', 'lastLine')
  local lane = known[2]
  if not known[1] then return -1 end
  if not lane or known[4] or known[5] then return ${notOurs} end

  local lock = job .. ':lock'
  local holder = holderOf[lock]
  if holder ~= ended.token then return holder and -6 or -2 end
  -- A second end of it finds no lock, as if the first had come in a call before.
  holderOf[lock] = false
  released[#released + 1] = lock
  if areSuspects then call('SREM', KEYS[5], id) end
  if call('LREM', activeKey, -1, id) < 1 then return -3 end

  local isDead = ended.outcome == 'failed'
  local set = final[isDead and 'failed' or 'completed']
  set[#set + 1] = serverMs
  set[#set + 1] = id
  -- The last line lies in the job: most have no other, and need no list for it.
  if known[6] and call('RPUSH', job .. ':logs', known[6]) > ${maxAttemptLines} then
    call('LTRIM', job .. ':logs', -${maxAttemptLines}, -1)
  end
  call('HSET', job, isDead and 'failedReason' or 'returnvalue', isDead and ARGV[ended.from] or '"' .. ended.outcome .. '"',
    'finishedOn', serverMs, 'atm', (tonumber(known[3]) or 0) + 1, 'defa', '${outOfTurn}', 'lastLine', ended.line,
    unpack(ARGV, ended.from + 1, ended.to))

  if call('HGET', headsKey, lane) == id then
    if isDead and policy == 'block' then
      call('HSETNX', blockedKey, lane, serverMs)
      areBlocked = true
    else
      if areBlocked then call('HDEL', blockedKey, lane) end
      advance(lane)
    end
  end
  if ended.found ~= '' then noteFound(ended.found) end
  return 0
end

-- The longest waiting, at most as many, the longest first: they are active now. None where BullMQ's own script is to say what is next.
local function takeWaiting(most)
  if most == 0 or not isPlain then return {} end
  if most == 1 then return { call('RPOPLPUSH', waitKey, activeKey) or nil } end
  local waiting, ids = call('LRANGE', waitKey, -most, -1), {}
  if #waiting == 0 then return ids end
  for n = #waiting, 1, -1 do ids[#ids + 1] = waiting[n] end
  call('LTRIM', waitKey, 0, -#ids - 1)
  call('LPUSH', activeKey, unpack(ids))
  return ids
end

local function start(id, token)
  local job = queue .. id
  call('SET', job .. ':lock', token, 'PX', lockMs)
  local ats, name, timestamp, data, lane, defa =
    unpack(call('HMGET', job, 'ats', 'name', 'timestamp', 'data', 'lane', 'defa'))
  local starts = (tonumber(ats) or 0) + 1
  call('HSET', job, 'processedOn', now, 'ats', starts)
  if starts == 1 and lane and not defa then return { name .. ' ' .. timestamp .. ' ' .. data, id, 0, 0 } end
  return { call('HGETALL', job), id, 0, 0 }
end

local function nextJob(id, token)
  if id then return start(id, token) end
  if isPlain and call('EXISTS', KEYS[3]) == 0 then return { 0, 0, 0, nextDelayed and nextDelayed / 0x1000 or 0 } end
  return bullFetch(KEYS, { queue, now, cmsgpack.pack({ token = token, lockDuration = tonumber(lockMs) }) })
end

-- Most of what is added here is handed out here: a worker woken for that would find nothing.
mayWake = false
local answers, wanted = {}, {}
for n, ended in ipairs(ends) do
  -- Each job for itself: one that cannot be finished must not keep the others.
  local isDone, answer = pcall(finish, ended)
  if not isDone then
    local refusal = ofAll(answer)
    if refusal then return refusal end
    answer = textOf(answer)
  end
  answers[n] = answer
  if answer == 0 and ended.isNextWanted then wanted[#wanted + 1] = n end
end
if #released > 0 then call('DEL', unpack(released)) end
for set, entries in pairs(final) do
  if #entries > 0 then call('ZADD', queue .. set, unpack(entries)) end
end
-- A search that finds less must not undo what has ended.
for term, lanes in pairs(foundByTerm) do pcall(writeFound, term, lanes) end

local ids = takeWaiting(#wanted)
for turn, n in ipairs(wanted) do
  local isDone, answer = pcall(nextJob, ids[turn], ends[n].token)
  answers[n] = isDone and answer or textOf(answer)
end
if call('EXISTS', waitKey) == 1 then
  mayWake = true
  wake()
end
return answers
`
}
