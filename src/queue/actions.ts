/**
 * What operators do: dead letters replayed and discarded by a selector, in the right order, and a record of who did it.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { RedisUnavailableError } from '../errors.ts'
import { serverNow } from './clock.ts'
import { discard, replay } from './dead-letters.ts'
import { eventIdOf, type ShardKeys } from './keys.ts'
import { plan, type Turn } from './plan.ts'
import { firstShard, type Queues } from './queues.ts'
import { isOutOfMemory } from './redis-errors.ts'
import { filterOf, type Selector, selectorShape } from './select.ts'

export type ActionOptions = {
  /** Who asks for it: the operator's name, or `cli:user@machine`. */
  readonly who: string
  /** Only say what would be done, in which order. Default false. */
  readonly isDryRun?: boolean
  /** Ends it after what is under way; what is left stays as it is. */
  readonly signal?: AbortSignal
  /** Told after each dead letter. */
  readonly progress?: (done: number, planned: number) => void
}

/** One dead letter of an action. */
export type Step = {
  readonly eventId: string
  readonly name: string
  /** Its lane as it stands in keys: all but very long or unusual ones as they are. */
  readonly lane: string
  readonly error: string
  /** It blocks its lane: a replay runs it in its own place, a discard lets the lane go on. */
  readonly isHead: boolean
}

export type ActionResult = {
  /** In their order: what was done; in a dry run, what would be. Left out is what somebody else has done meanwhile. */
  readonly eventIds: readonly string[]
  /** The same, told more fully. */
  readonly steps: readonly Step[]
  /** How many dead letters the selector meant. */
  readonly planned: number
  /** False if the signal ended it early. */
  readonly isComplete: boolean
}

/** Lanes that are worked on at a time. */
const lanesAtATime = 16

/**
 * Runs the selected dead letters again, each lane's in order. Two operators at once replay each of them once.
 * What dies again meanwhile is not taken up a second time.
 * @throws BridgeError BRIDGE_BAD_REQUEST for a selector that names nothing; RedisUnavailableError that says how far it came.
 */
export async function replaySelected(
  queues: Queues,
  selector: Selector,
  options: ActionOptions,
): Promise<ActionResult> {
  const { redis, timeZoneOf } = queues
  return await act(queues, 'replay', selector, options, async (keys, jobId) => {
    const { status } = await replay(redis, keys, jobId, timeZoneOf)
    return status === 'replayed'
  })
}

/**
 * Gives the selected dead letters up for good; a lane that was blocked by one goes on.
 * @throws as `replaySelected`.
 */
export async function discardSelected(
  queues: Queues,
  selector: Selector,
  options: ActionOptions,
): Promise<ActionResult> {
  return await act(queues, 'discard', selector, options, (keys, jobId) => discard(queues.redis, keys, jobId))
}

type What = 'replay' | 'discard'

async function act(
  queues: Queues,
  what: What,
  selector: Selector,
  { who, isDryRun = false, signal, progress }: ActionOptions,
  one: (keys: ShardKeys, jobId: string) => Promise<boolean>,
): Promise<ActionResult> {
  const filter = filterOf(selector)
  const startedAt = await serverNow(queues.redis)
  const lanes = await plan(queues, filter, { until: startedAt, ...(signal === undefined ? {} : { signal }) })
  const turns = lanes.flat()
  const planned = turns.length
  if (isDryRun || planned === 0) return resultOf(turns, planned, signal?.aborted !== true)

  const id = randomUUID()
  await record(queues, { id, at: startedAt, who, what, selector, planned })
  const done = new Set<Turn>()
  let tried = 0
  const waiting = lanes.values()
  const workThrough = async () => {
    for (const lane of waiting) {
      for (const turn of lane) {
        if (signal?.aborted === true) return
        if (await one(turn.keys, turn.jobId)) done.add(turn)
        tried += 1
        progress?.(tried, planned)
      }
    }
  }
  // All of them end before the record is written, so that it says what was done.
  const ends = await Promise.allSettled(Array.from({ length: lanesAtATime }, workThrough))
  const failed = ends.find((end) => end.status === 'rejected')
  const error =
    failed === undefined ? undefined : String(failed.reason instanceof Error ? failed.reason.message : failed.reason)
  const result = resultOf(
    turns.filter((turn) => done.has(turn)),
    planned,
    tried === planned,
  )
  const end = { id, done: done.size, isComplete: result.isComplete, ...(error === undefined ? {} : { error }) }
  if (failed === undefined) {
    await record(queues, end)
    return result
  }
  await record(queues, end).catch(() => {
    // The same trouble once more: what is thrown below says it.
  })
  throw new RedisUnavailableError(
    `Redis failed after ${done.size} of ${planned} dead letters, the rest is as it was; ask again to go on: ${error}`,
    { cause: failed.reason },
  )
}

function resultOf(turns: readonly Turn[], planned: number, isComplete: boolean): ActionResult {
  const steps = turns.map(({ jobId, name, laneKey, error, isHead }) => ({
    eventId: eventIdOf(jobId),
    name,
    lane: laneKey,
    error,
    isHead,
  }))
  return { eventIds: steps.map(({ eventId }) => eventId), steps, planned, isComplete }
}

const maxRecords = 1_000
const maxText = 200

const beginShape = z.object({
  id: z.string(),
  at: z.number(),
  who: z.string(),
  what: z.enum(['replay', 'discard']),
  selector: selectorShape,
  planned: z.number(),
})

const endShape = z.object({ id: z.string(), done: z.number(), isComplete: z.boolean(), error: z.string().optional() })

type Begin = z.infer<typeof beginShape>
type End = z.infer<typeof endShape>

export type Action = Begin & {
  /** How many dead letters were replayed or discarded; undefined while it runs, and if its process died. */
  readonly done: number | undefined
  /** False if it was stopped, failed, or is not known to have ended. */
  readonly isComplete: boolean
  /** What it failed with. */
  readonly error: string | undefined
}

/** Written twice, before and after, so that an action whose process dies is not forgotten. */
async function record(queues: Queues, entry: Begin | End): Promise<void> {
  const { actions } = firstShard(queues)
  const text = JSON.stringify(entry, (_, value) => (typeof value === 'string' ? value.slice(0, maxText) : value))
  try {
    await queues.redis.lpush(actions, text)
    await queues.redis.ltrim(actions, 0, maxRecords - 1)
  } catch (error) {
    // A full memory takes no record, and a discard frees some.
    if (!isOutOfMemory(error)) throw error
  }
}

/** The latest actions, newest first, at most `limit` of about 500 that are kept. Dry runs are none. */
export async function readActions(queues: Queues, limit = 50): Promise<readonly Action[]> {
  const texts = await queues.redis.lrange(firstShard(queues).actions, 0, maxRecords - 1)
  const ends = new Map<string, End>()
  const actions: Action[] = []
  for (const text of texts) {
    const entry = entryOf(text)
    if (entry === undefined) continue
    if (!('who' in entry)) {
      ends.set(entry.id, entry)
      continue
    }
    const end = ends.get(entry.id)
    actions.push({ ...entry, done: end?.done, isComplete: end?.isComplete ?? false, error: end?.error })
    if (actions.length === limit) break
  }
  return actions
}

/** Undefined for what something else wrote. */
function entryOf(text: string): Begin | End | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return beginShape.safeParse(value).data ?? endShape.safeParse(value).data
  } catch {
    return undefined
  }
}
