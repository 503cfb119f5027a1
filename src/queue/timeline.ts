/**
 * Timeline: one lane as its page tells it, a bounded stretch of it around its head; a call is the lane of its id.
 */
import { lookAtJobs } from './fused/look.ts'
import { type EventState, followersOf, type LaneEvent, type Member, membersOf, tellEvents } from './history.ts'
import { eventIdOf, laneKeyOf, type ShardKeys } from './keys.ts'
import { answersOf, type Queues, shardOfLane } from './queues.ts'
import { callLane } from './select.ts'
import { textOf } from './stored-look.ts'

export type Timeline = {
  readonly lane: string
  readonly source: string
  readonly callId: string | null
  /** Blocked, else that of the head; without a head dead if one of these events is, else that of the last; null if there is none. */
  readonly state: EventState | null
  /** In order; the head is among them. */
  readonly events: readonly LaneEvent[]
  /** How many ids of the lane stand before and behind these in its record; a replay has an id of its own. */
  readonly earlier: number
  readonly later: number
  /** How many are parked behind the head. */
  readonly behind: number
  /** Event id of the head. */
  readonly head: string | undefined
  /** Since when the lane is blocked, in epoch milliseconds. */
  readonly blockedSince: number | undefined
}

export type Stretch = {
  /** Events before this sequence, the latest of them; or behind it, the first of them. Default: around the head, or the latest. */
  readonly before?: number | undefined
  readonly after?: number | undefined
  /** How many ids of the record. Default 200. */
  readonly limit?: number
}

/** Of a stretch around the head this share is behind it. */
const shareBehind = 1 / 4

/** Lists and records agree but for what others removed from one of them: read so many more. */
const slack = 50

/** A stretch of a lane. Empty, with state null, for a lane of which nothing is kept. */
export async function readTimeline(
  queues: Pick<Queues, 'redis' | 'shards'>,
  lane: string,
  stretch: Stretch = {},
): Promise<Timeline> {
  const { redis } = queues
  const laneKey = laneKeyOf(lane)
  const keys = shardOfLane(queues, lane)
  const record = keys.call(laneKey)
  const [head, blockedSince, behind] = (await answersOf(
    redis.pipeline().hget(keys.heads, laneKey).hget(keys.blocked, laneKey).llen(keys.lane(laneKey)),
  )) as [string | null, string | null, number]
  const headScore = head === null ? null : await redis.zscore(record, head)
  const headSequence = headScore === null ? undefined : Number(headScore)
  const members = await membersIn(redis, record, headSequence, stretch)
  const [first, last] = [members[0]?.sequence, members.at(-1)?.sequence]
  const [earlier = 0, later = 0] =
    first === undefined || last === undefined
      ? []
      : ((await answersOf(
          redis.pipeline().zcount(record, '-inf', `(${first}`).zcount(record, `(${last}`, '+inf'),
        )) as number[])

  // Followers stand in their list as in the record: those of this stretch begin where it begins behind the head.
  const parkedHere = members.filter(({ sequence }) => headSequence !== undefined && sequence > headSequence)
  const skipped =
    headSequence === undefined || parkedHere.length === 0
      ? 0
      : await redis.zcount(record, `(${headSequence}`, `(${parkedHere[0]?.sequence ?? headSequence}`)
  const parked =
    parkedHere.length === 0
      ? []
      : await redis.lrange(keys.lane(laneKey), Math.max(0, skipped - slack), skipped + parkedHere.length + slack)
  const isBlocked = blockedSince !== null
  const around = { head, headSequence, isBlocked, followers: followersOf(parked) }
  const events = await tellEvents(redis, keys, laneKey, members, around)
  const headState =
    head === null
      ? undefined
      : (events.find(({ jobId }) => jobId === head)?.state ?? (await stateOfHead(queues, keys, head)))
  return {
    lane,
    source: sourceOf(lane),
    callId: textOf(events.at(-1)?.event ?? {}, 'callId', callIdIn(lane)),
    state: isBlocked ? 'blocked' : (headState ?? stateOf(events)),
    events,
    earlier,
    later,
    behind,
    head: head === null ? undefined : eventIdOf(head),
    blockedSince: blockedSince === null ? undefined : Number(blockedSince),
  }
}

async function membersIn(
  redis: Queues['redis'],
  record: string,
  headSequence: number | undefined,
  { before, after, limit = 200 }: Stretch,
): Promise<Member[]> {
  const upTo = async (max: string | number, count: number) =>
    membersOf(await redis.zrevrangebyscore(record, max, '-inf', 'WITHSCORES', 'LIMIT', 0, count)).reverse()
  const behind = async (min: string, count: number) =>
    membersOf(await redis.zrangebyscore(record, min, '+inf', 'WITHSCORES', 'LIMIT', 0, count))
  if (before !== undefined) return inOrder(await upTo(`(${before}`, limit))
  if (after !== undefined) return await behind(`(${after}`, limit)
  if (headSequence === undefined) return inOrder(await upTo('+inf', limit))
  const followers = await behind(`(${headSequence}`, Math.ceil(limit * shareBehind))
  return [...inOrder(await upTo(headSequence, limit - followers.length)), ...followers]
}

/** A blocked head and its replay have one sequence; the reversed order of Redis is reversed again here. */
function inOrder(members: readonly Member[]): Member[] {
  return [...members].sort((a, b) => a.sequence - b.sequence || (a.jobId < b.jobId ? -1 : 1))
}

/** Of a lane without a head. */
function stateOf(events: readonly LaneEvent[]): EventState | null {
  if (events.some(({ state }) => state === 'dead')) return 'dead'
  return events.at(-1)?.state ?? null
}

/** Of a head that is outside the stretch. One that has been finished since has made room for the next. */
async function stateOfHead({ redis }: Pick<Queues, 'redis'>, keys: ShardKeys, head: string): Promise<EventState> {
  const [job] = await lookAtJobs(redis, keys, [head], { data: false, lines: 0 })
  return job?.where === 'active' || job?.where === 'delayed' ? job.where : 'waiting'
}

/** The source in a lane: `default` in `default/call:1`. */
export function sourceOf(lane: string): string {
  return lane.slice(0, Math.max(0, lane.indexOf('/')))
}

/** The call id in a lane, as far as a lane keeps it; null for the lane of something else. */
export function callIdIn(lane: string): string | null {
  return /^[^/]*\/call:(.*)$/s.exec(lane)?.[1] ?? null
}

export type CallTimeline = Timeline & {
  /** Every source in which something is kept of a call with this id, the latest first. */
  readonly sources: readonly string[]
}

/** A call by its id: in `source`, else in the one that sent it last. */
export async function readCall(
  queues: Queues,
  callId: string,
  { source, ...stretch }: Stretch & { readonly source?: string | undefined } = {},
): Promise<CallTimeline> {
  const found: { readonly source: string; readonly last: number }[] = []
  for (const one of queues.sources) {
    const lane = callLane(one, callId)
    const record = shardOfLane(queues, lane).call(laneKeyOf(lane))
    const [, last] = await queues.redis.zrevrange(record, 0, 0, 'WITHSCORES')
    if (last !== undefined) found.push({ source: one, last: Number(last) })
  }
  const sources = found.sort((a, b) => b.last - a.last).map((one) => one.source)
  const chosen = source ?? sources[0] ?? 'default'
  return { ...(await readTimeline(queues, callLane(chosen, callId), stretch)), callId, sources }
}
