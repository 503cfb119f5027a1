/**
 * Enqueue: an event takes its place in its lane. One script, so that after it the event is durable and has a place,
 * or nothing was taken at all.
 */
import type { BullmqScripts } from './bullmq-scripts.ts'
import { laneLua } from './lane.lua.ts'

/** How many of the arguments are KEYS. */
export const enqueueKeys = 3

/**
 * KEYS call record, heads, shard count. ARGV base, lane, event id, name, timestamp, stored event without its first
 * brace, shards, longest lane (0 = any).
 * Answers {1, sequence} taken, {0, sequence} there already, {-1, length} lane full, {-2, shards} another shard count ('' = none yet).
 */
export function enqueueLua(scripts: BullmqScripts): string {
  return `${laneLua(scripts)}
local record, heads, shards = KEYS[1], KEYS[2], KEYS[3]
local base, lane, id, name, timestamp, rest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local count = call('GET', shards)
if count ~= ARGV[7] then return { -2, count or '' } end

local there = call('ZSCORE', record, id)
if there then return { 0, asText(tonumber(there)) } end

local head = call('HGET', heads, lane)
local longest = tonumber(ARGV[8])
if longest > 0 and head then
  local length = call('LLEN', base .. ':lane:' .. lane) + 1
  if length >= longest then return { -1, tostring(length) } end
end

local sequence = nextSequence(base, lane)
local data = '{"sequence":' .. asText(sequence) .. ',' .. rest
if head then
  park(base, lane, id, name, timestamp, data)
else
  addHead(base, lane, id, name, timestamp, data)
end
-- Last: written first, a refused push would make the next try "there already", and the event would be gone.
call('ZADD', record, asText(sequence), id)
return { 1, asText(sequence) }
`
}
