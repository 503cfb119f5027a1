/**
 * Search: calls by call id, phone number or extension, in any spelling; also by lane and by event id.
 * An event is found by its numbers from its first attempt on, by its call id as soon as it is in its lane.
 */
import { canonicalNumber } from '../event/search-terms.ts'
import { lookAtJobs } from './fused/look.ts'
import type { EventState } from './history.ts'
import { eventIdOf, laneKeyOf, type ShardKeys } from './keys.ts'
import { answersOf, pairsOf, type Queues, shardOfLane } from './queues.ts'
import { callLane } from './select.ts'
import { storedOf, textOf } from './stored-look.ts'
import { callIdIn, sourceOf } from './timeline.ts'

/** One lane that was found. */
export type FoundCall = {
  /** Null for a lane that is no call's. */
  readonly callId: string | null
  readonly lane: string
  readonly source: string
  /** When its first and its last event took their places, in epoch milliseconds by the clock of Redis. */
  readonly firstAt: number
  readonly lastAt: number
  /** Events that are kept; of a lane with more than 500 ids, ids. */
  readonly events: number
  /** Blocked, else that of its head; without a head dead if one of its latest 500 is, else completed. */
  readonly state: EventState
}

const maxQuery = 200
const maxIds = 500

/** The lanes that `query` means, latest first, at most `limit` (default 50). Empty for a query that means nothing. */
export async function search(queues: Queues, query: string, limit = 50): Promise<FoundCall[]> {
  const text = query.trim().slice(0, maxQuery)
  if (text === '') return []
  const number = canonicalNumber(text)
  const named = [...new Set([text, number])]
  const lanes = new Set<string>([...named.flatMap((id) => queues.sources.map((source) => callLane(source, id)))])
  if (text.includes('/')) lanes.add(text)
  for (const source of queues.sources) lanes.add(`${source}/exten:${number}`)
  for (const lane of await lanesOfEvent(queues, text)) lanes.add(lane)
  for (const lane of await lanesOfTerm(queues, number, limit)) lanes.add(lane)

  const found = await Promise.all([...lanes].map((lane) => summary(queues, lane)))
  return found
    .filter((one) => one !== undefined)
    .sort((a, b) => b.last - a.last)
    .slice(0, limit)
    .map(({ call }) => call)
}

/** The lanes that a number was seen in last, over all shards. */
async function lanesOfTerm({ redis, shards }: Queues, term: string, limit: number): Promise<string[]> {
  const perShard = await Promise.all(shards.map((keys) => redis.zrevrange(keys.who(term), 0, limit - 1, 'WITHSCORES')))
  const seen = perShard.flatMap(pairsOf).map(([lane, at]) => ({ lane, at }))
  return seen
    .sort((a, b) => b.at - a.at)
    .slice(0, limit)
    .map(({ lane }) => lane)
}

/** The lane of an event whose job is there; one that is parked is not found by its id. */
async function lanesOfEvent({ redis, shards }: Queues, text: string): Promise<string[]> {
  if (!/^[\w-]{8,80}(~\d+)?$/.test(text)) return []
  const jobs = await Promise.all(shards.map((keys) => lookAtJobs(redis, keys, [eventIdOf(text)], { lines: 0 })))
  return jobs.flat().map((job) => textOf(storedOf(job.data), 'lane', job.laneKey))
}

/** What of a lane stands in a list, and its last sequence; undefined if nothing of it is kept. */
async function summary(queues: Queues, lane: string): Promise<{ call: FoundCall; last: number } | undefined> {
  const { redis } = queues
  const laneKey = laneKeyOf(lane)
  const keys = shardOfLane(queues, lane)
  const record = keys.call(laneKey)
  const [count, firsts, latest, head, isBlocked] = (await answersOf(
    redis
      .pipeline()
      .zcard(record)
      .zrange(record, '0', '0', 'WITHSCORES')
      .zrevrange(record, 0, maxIds - 1, 'WITHSCORES')
      .hget(keys.heads, laneKey)
      .hexists(keys.blocked, laneKey),
  )) as [number, string[], string[], string | null, number]
  const [, first] = firsts
  const [newest, last] = latest
  if (first === undefined || last === undefined || newest === undefined) return undefined
  const jobIds = latest.filter((_, index) => index % 2 === 0)
  const state = isBlocked === 1 ? 'blocked' : await stateOf(redis, keys, jobIds, head)
  const call: FoundCall = {
    callId: callIdIn(lane),
    lane,
    source: sourceOf(lane),
    firstAt: Math.floor(Number(first) / 1_000),
    lastAt: Math.floor(Number(last) / 1_000),
    events: count > maxIds ? count : new Set(jobIds.map(eventIdOf)).size,
    state,
  }
  return { call, last: Number(last) }
}

async function stateOf(
  redis: Queues['redis'],
  keys: ShardKeys,
  jobIds: readonly string[],
  head: string | null,
): Promise<EventState> {
  const isDead = async () => {
    const asked = redis.pipeline()
    for (const jobId of jobIds) asked.zscore(keys.failed, jobId)
    return (await answersOf(asked)).some((score) => score !== null)
  }
  const [job] = head === null ? [] : await lookAtJobs(redis, keys, [head], { data: false, lines: 0 })
  if (job?.where === 'waiting' || job?.where === 'active' || job?.where === 'delayed') return job.where
  return (await isDead()) ? 'dead' : 'completed'
}
