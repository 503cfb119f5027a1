/**
 * Enqueue: events take their places in their lanes, many in one call, in the order given. After it each is durable and has
 * a place, or nothing of it was taken.
 */
import { laneLua } from './lane.lua.ts'

/** How many of the arguments are KEYS. */
export const enqueueKeys = 2

/** Arguments of each event. */
export const argumentsPerEvent = 3

/**
 * KEYS shard count, heads. ARGV base, shards, longest lane (0 = any), then for each event: lane, `id name timestamp`, stored event
 * without its first brace.
 * Answers two values for each event: 1, sequence: taken; 0, sequence: there already; -1, length: lane full; -2, shards: another
 * shard count ('' = none yet); -9, text: refused by Redis. Each event for itself: one that cannot be stored stops no other.
 */
export const enqueueLua = `${laneLua}
local shards, longest = ARGV[2], tonumber(ARGV[3])
local count = call('GET', KEYS[1])

local function take(lane, about, rest)
  if count ~= shards then return -2, count or '' end
  local id = string.match(about, '^%S+')
  local record = base .. ':call:' .. lane
  local there = call('ZSCORE', record, id)
  if there then return 0, asText(tonumber(there)) end

  local head = call('HGET', headsKey, lane)
  if longest > 0 and head then
    local length = call('LLEN', base .. ':lane:' .. lane) + 1
    if length >= longest then return -1, tostring(length) end
  end

  local sequence = asText(nextSequence(lane))
  local data = '{"sequence":' .. sequence .. ',' .. rest
  if head then
    park(lane, about, data)
  else
    local name, timestamp = string.match(about, ' (%S+) (%S+)$')
    addHead(lane, id, name, timestamp, data)
  end
  -- Last: written first, a refused push would make the next try "there already", and the event would be gone.
  call('ZADD', record, sequence, id)
  return 1, sequence
end

local answers = {}
for i = 4, #ARGV, ${argumentsPerEvent} do
  local isAnswered, code, detail = pcall(take, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  if not isAnswered then
    local refusal = ofAll(code)
    if refusal then return refusal end
    code, detail = -9, textOf(code)
  end
  answers[#answers + 1] = code
  answers[#answers + 1] = detail
end
return answers
`
