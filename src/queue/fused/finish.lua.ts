/**
 * Finish: BullMQ makes the head final, the lane advances (or is blocked), the worker gets its next job: one step.
 * Only the owner of the job's lock gets past BullMQ's part, so only it advances, once.
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

/**
 * KEYS and ARGV 1 to 9 are those of BullMQ's moveToFinished; then KEYS 15 heads, 16 blocked;
 * ARGV 10 base, 11 line of the attempt record ('' = none), 12 dead head policy. Answers as moveToFinished does.
 */
export function finishLua(scripts: BullmqScripts): string {
  return `${laneLua(scripts)}
${inlined('bullFinish', scripts.moveToFinished)}
${inlined('bullFetch', scripts.moveToActive)}
local jobId, now, target, fetch, prefix = ARGV[1], ARGV[2], ARGV[5], ARGV[6], ARGV[7]
local base, line, policy = ARGV[10], ARGV[11], ARGV[12]
local job = KEYS[12]
local lane = call('HGET', job, 'lane')
local finishedOn = serverMs()

local answer = bullFinish(KEYS, { jobId, finishedOn, ARGV[3], ARGV[4], target, '0', prefix, ARGV[8], ARGV[9] })
if type(answer) == 'number' and answer < 0 then return answer end

if line ~= '' then
  call('RPUSH', job .. ':logs', line)
  call('LTRIM', job .. ':logs', -${maxAttemptLines}, -1)
end
call('HSET', job, 'defa', '${outOfTurn}')

if lane and call('HGET', KEYS[15], lane) == jobId then
  if target == 'failed' and policy == 'block' then
    call('HSETNX', KEYS[16], lane, finishedOn)
  else
    call('HDEL', KEYS[16], lane)
    advance(base, lane)
  end
end

if fetch ~= '1' then return 0 end
return bullFetch({ KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[14] },
  { prefix, now, ARGV[8] })
`
}
