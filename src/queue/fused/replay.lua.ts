/**
 * Replay and discard: the two ways in which a dead letter leaves. Both policies of a dead head share them.
 */
import { laneLua, removeJobLua } from './lane.lua.ts'

/**
 * Replay. KEYS heads, blocked, failed, replayed, dead job. ARGV base, dead job id, event id, name, timestamp, stored
 * event without its first brace.
 * A blocked head's replay takes the head's place and keeps its sequence: a new one would be above those of its
 * followers. Its starts go on counting, so that (sequence, run) still grows. Any other joins the tail like an event.
 * Answers {1, job id} replayed, {0, job id} was replayed before, {-1, ''} no dead letter.
 */
export const replayLua = `${laneLua}
local id, eventId, name, timestamp, rest = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local fields = call('HMGET', KEYS[5], 'lane', 'replayedAs', 'ats')
local lane = fields[1]
if fields[2] then return { 0, fields[2] } end
if not lane or not call('ZSCORE', KEYS[3], id) then return { -1, '' } end

local turn = string.match(id, '~(%d+)$')
local nextId = eventId .. '~' .. ((tonumber(turn) or 1) + 1)
local record = base .. ':call:' .. lane
local old = call('ZSCORE', record, id)
local head = call('HGET', KEYS[1], lane)
local sequence

if head == id then
  sequence = old and tonumber(old) or nextSequence(lane)
  addHead(lane, nextId, name, timestamp, '{"sequence":' .. asText(sequence) .. ',' .. rest)
  call('HSET', base .. ':events:' .. nextId, 'ats', fields[3] or 0, 'unrecorded', fields[3] or 0)
  call('HDEL', KEYS[2], lane)
else
  sequence = nextSequence(lane)
  local data = '{"sequence":' .. asText(sequence) .. ','
  if old then data = data .. '"replayOf":' .. asText(tonumber(old)) .. ',' end
  data = data .. rest
  if head then
    park(lane, nextId .. ' ' .. name .. ' ' .. timestamp, data)
  else
    addHead(lane, nextId, name, timestamp, data)
  end
end
call('ZADD', record, asText(sequence), nextId)
call('HSET', KEYS[5], 'replayedAs', nextId)
call('ZADD', KEYS[4], serverMs, id)
call('ZREM', KEYS[3], id)
return { 1, nextId }
`

/**
 * Discard. KEYS heads, blocked, failed, dead job. ARGV base, dead job id.
 * The id stays in the call record until its lane is pruned, so that a late repeat of the event is still known.
 * Answers 1 discarded, 0 no dead letter.
 */
export const discardLua = `${laneLua}
${removeJobLua}
local id = ARGV[2]
if not call('ZSCORE', KEYS[3], id) then return 0 end
local lane = call('HGET', KEYS[4], 'lane')
call('ZREM', KEYS[3], id)
if lane and call('HGET', KEYS[1], lane) == id then
  call('HDEL', KEYS[2], lane)
  advance(lane)
end
removeJob(KEYS[4])
return 1
`
