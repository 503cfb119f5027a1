/**
 * History: one lane told in order, from its call record, its jobs and their attempt lines. Nothing is stored twice.
 */
import { type AttemptLine, decodeLine } from './attempt-record.ts'
import type { Connection } from './fused/commands.ts'
import { eventIdOf, laneKeyOf, type ShardKeys, shardKeys, shardOf } from './keys.ts'

export type EventState = 'parked' | 'waiting' | 'active' | 'delayed' | 'completed' | 'skipped' | 'dead' | 'blocked'

export type LaneEvent = {
  readonly eventId: string
  readonly name: string
  readonly sequence: number
  /** Epoch milliseconds. */
  readonly receivedAt: number
  readonly state: EventState
  /** Of all its runs, replays included, oldest first. */
  readonly attempts: readonly AttemptLine[]
}

/** The events of a lane that are still kept, one entry per event id, in the order of their latest place. */
export async function readLane(redis: Connection, prefix: string, shards: number, lane: string): Promise<LaneEvent[]> {
  const laneKey = laneKeyOf(lane)
  const keys = shardKeys(prefix, shardOf(laneKey, shards))
  const flat = await redis.zrangebyscore(keys.call(laneKey), '-inf', '+inf', 'WITHSCORES')
  const parked = await redis.lrange(keys.lane(laneKey), 0, -1)
  const followers = new Map(parked.map((text) => [text.slice(0, text.indexOf(' ')), text]))
  const isBlocked = (await redis.hexists(keys.blocked, laneKey)) === 1
  const head = await redis.hget(keys.heads, laneKey)

  const events = new Map<string, LaneEvent>()
  for (let at = 0; at < flat.length; at += 2) {
    const jobId = flat[at] ?? ''
    const eventId = eventIdOf(jobId)
    const earlier = events.get(eventId)
    const follower = followers.get(jobId)
    const now =
      follower === undefined ? await readJob(redis, keys, jobId, isBlocked && head === jobId) : readFollower(follower)
    if (now === undefined) continue
    events.delete(eventId)
    events.set(eventId, {
      ...now,
      ...(jobId === eventId
        ? {}
        : { receivedAt: earlier?.receivedAt ?? (await receivedAtOf(redis, keys, jobId, now)) }),
      eventId,
      sequence: Number(flat[at + 1]),
      attempts: [...(earlier?.attempts ?? []), ...now.attempts],
    })
  }
  return [...events.values()]
}

type Found = Omit<LaneEvent, 'eventId' | 'sequence'>

function readFollower(text: string): Found {
  const [, name = 'Unknown', timestamp = '0'] = text.split(' ', 3)
  return { name, receivedAt: Number(timestamp), state: 'parked', attempts: [] }
}

/** A replay's job is as old as the replay; when its event came stands in the event, once the job of the first run is trimmed. */
async function receivedAtOf(redis: Connection, keys: ShardKeys, jobId: string, found: Found): Promise<number> {
  const data = await redis.hget(keys.job(jobId), 'data')
  const text = /"receivedAt":"([^"]+)"/.exec(data ?? '')?.[1]
  const at = Date.parse(text ?? '')
  return Number.isNaN(at) ? found.receivedAt : at
}

async function readJob(
  redis: Connection,
  keys: ShardKeys,
  jobId: string,
  isBlockedHead: boolean,
): Promise<Found | undefined> {
  const [name, timestamp] = await redis.hmget(keys.job(jobId), 'name', 'timestamp')
  if (name == null) return undefined
  const lines = await redis.lrange(keys.attempts(jobId), 0, -1)
  const attempts = oncePerRun(lines.map(decodeLine).filter((line) => line !== undefined))
  const state = await stateOf(redis, keys, jobId, isBlockedHead, attempts.at(-1))
  return { name, receivedAt: Number(timestamp), state, attempts }
}

/** A cut connection repeats a line; an attempt that lost its hold writes one after another worker wrote that it vanished. */
function oncePerRun(lines: readonly AttemptLine[]): AttemptLine[] {
  const runs = new Set<number>()
  return lines.filter(({ run }) => !runs.has(run) && runs.add(run))
}

async function stateOf(
  redis: Connection,
  keys: ShardKeys,
  jobId: string,
  isBlockedHead: boolean,
  last: AttemptLine | undefined,
): Promise<EventState> {
  const isIn = async (set: string) => (await redis.zscore(set, jobId)) !== null
  if (await isIn(keys.completed)) return last?.outcome === 'skipped' ? 'skipped' : 'completed'
  if ((await isIn(keys.failed)) || (await isIn(keys.replayed))) return isBlockedHead ? 'blocked' : 'dead'
  if (await isIn(keys.delayed)) return 'delayed'
  return (await redis.exists(`${keys.job(jobId)}:lock`)) === 1 ? 'active' : 'waiting'
}
