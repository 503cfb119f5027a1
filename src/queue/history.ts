/**
 * History: events of a lane told in order, from its call record, its jobs and their attempt lines. Nothing is stored twice.
 */
import { type AttemptLine, decodeLine } from './attempt-record.ts'
import type { Connection } from './fused/commands.ts'
import { type JobLook, lookAtJobs } from './fused/look.ts'
import { eventIdOf, type ShardKeys } from './keys.ts'
import { pairsOf } from './queues.ts'
import { type StoredEvent, storedOf, textOf } from './stored-look.ts'

export type EventState = 'parked' | 'waiting' | 'active' | 'delayed' | 'completed' | 'skipped' | 'dead' | 'blocked'

export type LaneEvent = {
  readonly eventId: string
  /** Its latest job's. */
  readonly jobId: string
  readonly name: string
  readonly sequence: number
  /** Epoch milliseconds; not changed by a replay. */
  readonly receivedAt: number
  readonly state: EventState
  /** Of all its runs, replays included, oldest first. */
  readonly attempts: readonly AttemptLine[]
  /** When it runs again, in epoch milliseconds; undefined unless it is delayed. */
  readonly nextTryAt: number | undefined
  /** When it was completed, skipped or dead, in epoch milliseconds by the clock of Redis; undefined before. */
  readonly finishedAt: number | undefined
  /** The stored event with its raw webhook, numbers not masked; empty if it is longer than 256 KiB. */
  readonly event: StoredEvent
}

/** One id in a call record. */
export type Member = { readonly jobId: string; readonly sequence: number }

/** Of one lane: what is around its events. */
export type Surroundings = {
  /** Job id of the head. */
  readonly head: string | null
  /** The head's sequence; undefined without a head. */
  readonly headSequence: number | undefined
  readonly isBlocked: boolean
  /** Followers by job id, as they are parked: all that the members may need. Read before the jobs are looked at. */
  readonly followers: ReadonlyMap<string, string>
}

/** What Redis answers with WITHSCORES on a call record. */
export function membersOf(flat: readonly string[]): Member[] {
  return pairsOf(flat).map(([jobId, sequence]) => ({ jobId, sequence }))
}

/** Followers by job id, as they stand in the lane's list: `id name timestamp event`. */
export function followersOf(parked: readonly string[]): Map<string, string> {
  return new Map(parked.map((text) => [text.slice(0, text.indexOf(' ')), text]))
}

/**
 * The events of these members, one entry per event id, in the order of their latest place. An event whose latest place is
 * not among the members is left out; its earlier runs are told wherever they were.
 */
export async function tellEvents(
  redis: Connection,
  keys: ShardKeys,
  laneKey: string,
  members: readonly Member[],
  around: Surroundings,
): Promise<LaneEvent[]> {
  const wanted = new Set(members.flatMap(({ jobId }) => runsUpTo(jobId)))
  const jobs = new Map((await lookAtJobs(redis, keys, [...wanted])).map((job) => [job.jobId, job]))
  const latest = new Map<string, Member>()
  for (const member of members) {
    const { jobId } = member
    if (!jobs.has(jobId) && !around.followers.has(jobId)) continue
    const eventId = eventIdOf(jobId)
    latest.delete(eventId)
    latest.set(eventId, member)
  }
  const events: LaneEvent[] = []
  for (const { jobId, sequence } of latest.values()) {
    const replayedAs = jobs.get(jobId)?.replayedAs ?? ''
    if (replayedAs !== '' && (await isThere(redis, keys, laneKey, replayedAs, around))) continue
    const earlier = runsUpTo(jobId)
      .slice(0, -1)
      .flatMap((run) => jobs.get(run) ?? [])
    const job = jobs.get(jobId)
    // A follower that has become the head since is a job by now.
    const now = job === undefined ? follower(around.followers.get(jobId) ?? '') : told(job, around)
    events.push({
      ...now,
      eventId: eventIdOf(jobId),
      jobId,
      sequence,
      receivedAt: receivedAt(now.event) ?? earlier[0]?.timestamp ?? now.receivedAt,
      attempts: [...earlier.flatMap(attemptsOf), ...now.attempts],
    })
  }
  return events
}

/** `e~3` -> `e`, `e~2`, `e~3`: the runs of an event up to this one. */
function runsUpTo(jobId: string): string[] {
  const eventId = eventIdOf(jobId)
  const turn = jobId === eventId ? 1 : Number(jobId.slice(eventId.length + 1))
  if (!Number.isInteger(turn) || turn > 1_000) return [jobId]
  return [eventId, ...Array.from({ length: turn - 1 }, (_, index) => `${eventId}~${index + 2}`)]
}

/** Whether a replay is anywhere: as a job, or parked behind the head. A discarded one still stands in the record. */
async function isThere(
  redis: Connection,
  keys: ShardKeys,
  laneKey: string,
  jobId: string,
  { headSequence, followers }: Surroundings,
): Promise<boolean> {
  if (followers.has(jobId) || (await redis.exists(keys.job(jobId))) === 1) return true
  const sequence = await redis.zscore(keys.call(laneKey), jobId)
  return sequence !== null && headSequence !== undefined && Number(sequence) > headSequence
}

type Told = Omit<LaneEvent, 'eventId' | 'jobId' | 'sequence'>

function follower(text: string): Told {
  const [, name = 'Unknown', timestamp = '0', data] = /^\S+ (\S+) (\S+) (.*)$/s.exec(text) ?? []
  return {
    name,
    receivedAt: Number(timestamp),
    state: 'parked',
    attempts: [],
    nextTryAt: undefined,
    finishedAt: undefined,
    event: storedOf(data),
  }
}

function told(job: JobLook, { head, isBlocked }: Surroundings): Told {
  const attempts = attemptsOf(job)
  const state = stateOf(job, isBlocked && head === job.jobId, attempts.at(-1))
  return {
    name: job.name,
    receivedAt: job.timestamp,
    state,
    attempts,
    nextTryAt: job.where === 'delayed' ? job.at : undefined,
    finishedAt: job.where === 'completed' || job.where === 'failed' ? job.at : undefined,
    event: storedOf(job.data),
  }
}

function stateOf({ where }: JobLook, isBlockedHead: boolean, last: AttemptLine | undefined): EventState {
  switch (where) {
    case 'completed':
      return last?.outcome === 'skipped' ? 'skipped' : 'completed'
    case 'failed':
    case 'replayed':
      return isBlockedHead ? 'blocked' : 'dead'
    default:
      return where
  }
}

/** A cut connection repeats a line; an attempt that lost its hold writes one after another worker wrote that it vanished. */
function attemptsOf({ lines }: JobLook): AttemptLine[] {
  const runs = new Set<number>()
  const told = lines.map(decodeLine).filter((line) => line !== undefined)
  return told.filter(({ run }) => !runs.has(run) && runs.add(run))
}

/** A replay's job is as old as the replay; when its event came stands in the event. */
function receivedAt(event: StoredEvent): number | undefined {
  const at = Date.parse(textOf(event, 'receivedAt', ''))
  return Number.isNaN(at) ? undefined : at
}
