/**
 * Which dead letters: by event id, call, lane, event name or error. A filter for a list; a selector for what is replayed or
 * discarded, which must name something.
 */
import { z } from 'zod'
import { BridgeError } from '../errors.ts'
import { laneOf } from '../event/lane.ts'
import { groupOf } from './error-groups.ts'
import { type JobLook, lookAtJobs } from './fused/look.ts'
import { eventIdOf, laneKeyOf, type ShardKeys } from './keys.ts'
import { answersOf, type Queues, shardOfLane } from './queues.ts'

/** What a selector may name, as it comes from outside: the API, the record of actions. */
export const selectorShape = z.object({
  eventId: z.string().optional(),
  callId: z.string().optional().describe('In every source; its dead letters are those of its lane'),
  lane: z.string().optional().describe('As it is shown: default/call:1700000000.101'),
  event: z.string().optional().describe('Name of the event'),
  error: z.string().optional().describe('A text contained in the error, as it is stored: masked. Case counts'),
  group: z.string().optional().describe('A group of errors, exactly as /api/errors names it'),
  all: z.boolean().optional().describe('Every dead letter; stands alone'),
})

/** Something must be named: at least one part of the filter, or `all`, which stands alone. */
export type Selector = Readonly<z.infer<typeof selectorShape>>

/** All that are given must hold; without any, every dead letter fits. */
export type DeadFilter = Omit<Selector, 'all'>

/** Names of the parts of a filter. */
export const filterParts = [
  'eventId',
  'callId',
  'lane',
  'event',
  'error',
  'group',
] as const satisfies (keyof DeadFilter)[]

/**
 * The filter that a selector means.
 * @throws BridgeError BRIDGE_BAD_REQUEST if it names nothing, an empty text, or `all` beside something else.
 */
export function filterOf(selector: Selector): DeadFilter {
  const named = filterParts.filter((part) => selector[part] !== undefined)
  const empty = named.find((part) => selector[part] === '')
  const refuse = (message: string) => new BridgeError('BRIDGE_BAD_REQUEST', message)
  if (empty !== undefined) throw refuse(`The selector names an empty ${empty}: leave it out, or give a text.`)
  if (selector.all === true && named.length > 0)
    throw refuse(`The selector says all and names ${named.join(' and ')}: give one of the two.`)
  if (selector.all !== true && named.length === 0)
    throw refuse('The selector names nothing: give eventId, callId, lane, event, error or group, or all.')
  return Object.fromEntries(named.map((part) => [part, selector[part]]))
}

/** A dead letter's place in its shard. */
export type DeadPlace = { readonly keys: ShardKeys; readonly jobId: string; readonly deadAt: number }

/** Newest first, as Redis orders equal times. */
export function newestFirst(a: Pick<DeadPlace, 'jobId' | 'deadAt'>, b: Pick<DeadPlace, 'jobId' | 'deadAt'>): number {
  return b.deadAt - a.deadAt || (a.jobId < b.jobId ? 1 : a.jobId > b.jobId ? -1 : 0)
}

/** Whether a job, as it is now, is a dead letter that the filter means. */
export function fits(
  job: JobLook,
  { eventId, event, error, group }: DeadFilter,
  laneKeys?: ReadonlySet<string>,
): boolean {
  return (
    job.where === 'failed' &&
    (eventId === undefined || eventIdOf(job.jobId) === eventId) &&
    (laneKeys === undefined || laneKeys.has(job.laneKey)) &&
    (event === undefined || job.name === event) &&
    (error === undefined || job.error.includes(error)) &&
    (group === undefined || groupOf(job.error) === group)
  )
}

/** The lanes that a filter allows; undefined if any. */
export function lanesOf(
  { sources }: Pick<Queues, 'sources'>,
  { callId, lane }: DeadFilter,
): readonly string[] | undefined {
  if (callId === undefined) return lane === undefined ? undefined : [lane]
  const lanes = sources.map((source) => callLane(source, callId))
  return lane === undefined ? lanes : lanes.filter((one) => one === lane)
}

/** The lane of a call. */
export function callLane(source: string, callId: string): string {
  return laneOf({ name: 'Unknown', eventId: '', source, callId, data: {} })
}

/** A lane with more events than this is not read as a whole: then the dead letters of its shard are. */
const maxRecord = 5_000

/** Replays of one event that are looked for by its id. */
const maxReplays = 100

/**
 * Every place that the filter can mean, if that is known without going through the dead letters: it names an event id, or
 * lanes that are not long. Else undefined.
 */
export async function knownPlaces(queues: Queues, filter: DeadFilter): Promise<DeadPlace[] | undefined> {
  const { redis, shards } = queues
  const { eventId } = filter
  if (eventId !== undefined) {
    const jobIds = [eventId, ...Array.from({ length: maxReplays }, (_, index) => `${eventId}~${index + 2}`)]
    return (await Promise.all(shards.map((keys) => deadAmong(queues, keys, jobIds)))).flat()
  }
  const lanes = lanesOf(queues, filter)
  if (lanes === undefined) return undefined
  const found: DeadPlace[] = []
  for (const lane of lanes) {
    const keys = shardOfLane(queues, lane)
    const record = keys.call(laneKeyOf(lane))
    if ((await redis.zcard(record)) > maxRecord) return undefined
    found.push(...(await deadAmong(queues, keys, await redis.zrange(record, '0', '-1'))))
  }
  return found
}

async function deadAmong({ redis }: Queues, keys: ShardKeys, jobIds: readonly string[]): Promise<DeadPlace[]> {
  if (jobIds.length === 0) return []
  const asked = redis.pipeline()
  for (const jobId of jobIds) asked.zscore(keys.failed, jobId)
  const scores = await answersOf(asked)
  return jobIds.flatMap((jobId, index) => {
    const score = scores[index]
    return score == null ? [] : [{ keys, jobId, deadAt: Number(score) }]
  })
}

/** Jobs at these places as they are now, by job id. */
export async function lookAtPlaces(
  { redis }: Queues,
  places: readonly DeadPlace[],
  options: Parameters<typeof lookAtJobs>[3],
): Promise<Map<string, JobLook>> {
  const byShard = new Map<ShardKeys, string[]>()
  for (const { keys, jobId } of places) {
    const jobIds = byShard.get(keys) ?? []
    jobIds.push(jobId)
    byShard.set(keys, jobIds)
  }
  const jobs = await Promise.all([...byShard].map(([keys, jobIds]) => lookAtJobs(redis, keys, jobIds, options)))
  return new Map(jobs.flat().map((job) => [job.jobId, job]))
}
