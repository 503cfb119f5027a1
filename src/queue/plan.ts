/**
 * Plan: the dead letters that an action takes, in which order. Within a lane a blocked head comes first, then the oldest; lanes
 * in the order of their oldest dead letter.
 */
import { laneKeyOf, type ShardKeys } from './keys.ts'
import { answersOf, pairsOf, type Queues, shardOfLane } from './queues.ts'
import { type DeadFilter, type DeadPlace, fits, knownPlaces, lanesOf, lookAtPlaces, newestFirst } from './select.ts'

/** One dead letter's turn. */
export type Turn = DeadPlace & {
  readonly laneKey: string
  readonly sequence: number
  /** It blocks its lane: a replay runs it in its own place, any other behind what is in the lane by then. */
  readonly isHead: boolean
  readonly name: string
  readonly error: string
}

export type PlanOptions = {
  /** Only those that were dead by then, in epoch milliseconds: what an action lets die again it must not meet again. */
  readonly until: number
  readonly signal?: AbortSignal
}

const stretch = 500

/** The selected dead letters, one list a lane. Empty once the signal has said stop. */
export async function plan(queues: Queues, filter: DeadFilter, options: PlanOptions): Promise<Turn[][]> {
  const lanes = lanesOf(queues, filter)
  const laneKeys = lanes === undefined ? undefined : new Set(lanes.map(laneKeyOf))
  const shards = lanes === undefined ? queues.shards : [...new Set(lanes.map((lane) => shardOfLane(queues, lane)))]
  const known = await knownPlaces(queues, filter)
  const places = known?.filter(({ deadAt }) => deadAt <= options.until) ?? []
  if (known === undefined) for (const keys of shards) places.push(...(await placesOf(queues, keys, options)))
  // Oldest first.
  places.sort((a, b) => newestFirst(b, a))

  const byLane = new Map<string, Turn[]>()
  for (let from = 0; from < places.length; from += stretch) {
    if (options.signal?.aborted === true) return []
    for (const turn of await turnsAt(queues, places.slice(from, from + stretch), filter, laneKeys)) {
      const lane = byLane.get(turn.laneKey) ?? []
      lane.push(turn)
      byLane.set(turn.laneKey, lane)
    }
  }
  return [...byLane.values()].map((lane) => lane.sort(byTurn))
}

function byTurn(a: Turn, b: Turn): number {
  if (a.isHead !== b.isHead) return a.isHead ? -1 : 1
  return a.sequence - b.sequence || newestFirst(b, a)
}

/** All dead letters of a shard up to then. They are ids only, so that all of them can be held. */
async function placesOf({ redis }: Queues, keys: ShardKeys, { until, signal }: PlanOptions): Promise<DeadPlace[]> {
  const places: DeadPlace[] = []
  const known = new Set<string>()
  let from = '-inf'
  let offset = 0
  while (signal?.aborted !== true) {
    const flat = await redis.zrangebyscore(keys.failed, from, until, 'WITHSCORES', 'LIMIT', offset, stretch)
    for (const [jobId, deadAt] of pairsOf(flat)) {
      if (!known.has(jobId)) places.push({ keys, jobId, deadAt })
      known.add(jobId)
    }
    if (flat.length < 2 * stretch) break
    // On from the last one's time, which it may share with more than fit into one stretch.
    const last = flat.at(-1) ?? from
    offset = last === from ? offset + stretch : 0
    from = last
  }
  return places
}

async function turnsAt(
  queues: Queues,
  places: readonly DeadPlace[],
  filter: DeadFilter,
  laneKeys: ReadonlySet<string> | undefined,
): Promise<Turn[]> {
  const jobs = await lookAtPlaces(queues, places, { data: false, lines: 0 })
  const turns: Turn[] = []
  for (const keys of new Set(places.map((place) => place.keys))) {
    const meant = places.flatMap((place) => {
      const job = jobs.get(place.jobId)
      return place.keys === keys && job !== undefined && fits(job, filter, laneKeys)
        ? [{ ...place, laneKey: job.laneKey, name: job.name, error: job.error }]
        : []
    })
    if (meant.length === 0) continue
    const asked = queues.redis.pipeline()
    for (const { jobId, laneKey } of meant) asked.zscore(keys.call(laneKey), jobId).hget(keys.heads, laneKey)
    const answers = await answersOf(asked)
    for (const [index, place] of meant.entries()) {
      const sequence = Number(answers[2 * index] ?? 0)
      turns.push({ ...place, sequence, isHead: answers[2 * index + 1] === place.jobId })
    }
  }
  return turns
}
