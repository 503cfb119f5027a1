/**
 * A set of lanes for one test: the enqueue that ships, workers that run a script of outcomes, and a look at the state.
 */
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { type Config, loadConfig } from '../../src/config.ts'
import type { Event, NewEvent } from '../../src/event/event.ts'
import type { Attempt, Outcome } from '../../src/event/outcome.ts'
import { createLog, type Log } from '../../src/log.ts'
import { type ConsumeOptions, type Consumer, consume, type Run } from '../../src/queue/consume.ts'
import { type DeadLetter, discard, type Replayed, readDeadLetters, replay } from '../../src/queue/dead-letters.ts'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts } from '../../src/queue/fused/commands.ts'
import type { EventState, LaneEvent } from '../../src/queue/history.ts'
import { laneKeyOf, queueName, type ShardKeys, shardKeys, shardsOf } from '../../src/queue/keys.ts'
import { type Lanes, openLanes } from '../../src/queue/lanes.ts'
import { readTimeline, type Timeline } from '../../src/queue/timeline.ts'
import { startUpkeep, type Upkeep, type UpkeepOptions } from '../../src/queue/upkeep.ts'
import { atEnd, cleanUp, inspect, suiteRedisUrl, uniquePrefix } from './redis.ts'
import { eventIn } from './spool.ts'
import { waitFor } from './wait.ts'

/** One start of an event, as the scripted processor saw it. */
export type Started = {
  readonly lane: string
  readonly label: string
  readonly sequence: number
  readonly attempt: number
  readonly run: number
  readonly replayOf: number | undefined
}

/** What the scripted processor does with an event: `ok` completes, `fail` retries at once, `hang` waits for its signal, a promise for itself. */
export type Step = Outcome | Promise<Outcome> | 'ok' | 'fail' | 'dead' | 'hang'

export type World = {
  readonly config: Config
  readonly keys: ShardKeys
  readonly lanes: Lanes
  readonly redis: Redis
  /** Starts in the order in which they happened, over all workers of this process. */
  readonly starts: Started[]
  /** Events whose attempts have ended, with their outcome. */
  readonly ends: { readonly label: string; readonly status: Outcome['status'] }[]
  event(lane: string, label: string): NewEvent
  put(lane: string, ...labels: string[]): Promise<void>
  /** Starts a worker; `see` is shown each event as it starts. */
  work(changes?: Partial<ConsumeOptions>, see?: (event: Event) => void): Consumer
  /** Waits until nothing is in any lane. */
  emptied(limitMs?: number): Promise<void>
  states(lane: string): Promise<Record<string, EventState>>
  /** The lane's events as the timeline tells them, by label. */
  history(lane: string): Promise<Record<string, LaneEvent>>
  labelsOf(lane: string): string[]
}

export type WorldOptions = {
  readonly url?: string
  readonly env?: Record<string, string>
  /** Steps by label; the last one repeats. Default: ok. */
  readonly script?: Record<string, readonly Step[]>
  readonly log?: Log
}

/** Locks and checks short enough that a test sees a worker replaced within a second or two. */
export const quick = { lockMs: 1_000, sweepMs: 200, concurrency: 16 } as const

export async function world(
  t: TestContext,
  { url = suiteRedisUrl(), env = {}, script = {}, log }: WorldOptions = {},
): Promise<World> {
  const prefix = env['KEY_PREFIX'] ?? uniquePrefix()
  const config = loadConfig({ REDIS_URL: url, KEY_PREFIX: prefix, ENQUEUE_TIMEOUT_MS: '2000', ...env })
  const quiet = log ?? createLog({ level: process.env['TEST_LOG'] ?? 'silent' })
  if (url === suiteRedisUrl()) cleanUp(t, prefix, url)
  const redis = inspect(t, url)
  defineScripts(redis, checkedScripts())
  const lanes = openLanes({
    redis: config.redis,
    keys: config.keys,
    maxLaneEvents: config.lanes.maxLaneEvents,
    duplicateWindowMs: config.ingress.duplicateWindowMs,
    log: quiet,
  })
  t.after(() => lanes.close())
  const keys = shardKeys(prefix, 0)
  const starts: Started[] = []
  const ends: World['ends'] = []
  const seen = new Map<string, number>()

  const run: Run = async (event, attempt) => {
    const label = labelOf(event)
    const { lane, sequence } = event
    starts.push({ lane, label, sequence, attempt: attempt.attempt, run: attempt.run, replayOf: event.replayOf })
    const steps = script[label] ?? ['ok']
    const turn = seen.get(label) ?? 0
    seen.set(label, turn + 1)
    const outcome = await play(steps[Math.min(turn, steps.length - 1)] ?? 'ok', attempt)
    ends.push({ label, status: outcome.status })
    return outcome
  }

  const event = (lane: string, label: string): NewEvent => ({
    ...eventIn(lane, `label=${label}`),
    eventId: `${label}-${randomUUID()}`,
  })

  await waitFor(() => lanes.state().ready)
  return {
    config,
    keys,
    lanes,
    redis,
    starts,
    ends,
    event,
    async put(lane, ...labels) {
      for (const label of labels) await lanes.enqueue(event(lane, label))
    },
    work(changes = {}, see = () => {}) {
      const consumer = consume(
        { redis: config.redis, keys: config.keys, lanes: config.lanes, log: quiet, ...quick, ...changes },
        (event, attempt) => {
          see(event)
          return run(event, attempt)
        },
      )
      atEnd(t, changes.redis?.url ?? url, () => consumer.drain(0))
      return consumer
    },
    async emptied(limitMs = 20_000) {
      await waitFor(async () => (await redis.hlen(keys.heads)) === 0, { limitMs, what: 'every lane is empty' })
    },
    async states(lane) {
      const { events } = await wholeLane({ redis, shards: shardsOf(config.keys) }, lane)
      return Object.fromEntries(events.map(({ eventId, state }) => [eventId.slice(0, -37), state]))
    },
    async history(lane) {
      const { events } = await wholeLane({ redis, shards: shardsOf(config.keys) }, lane)
      return Object.fromEntries(events.map((event) => [event.eventId.slice(0, -37), event]))
    },
    labelsOf: (lane) => starts.filter((start) => start.lane === lane).map(({ label }) => label),
  }
}

export function labelOf(event: Event): string {
  return event.eventId.slice(0, -37)
}

async function play(step: Step, attempt: Attempt): Promise<Outcome> {
  if (step === 'ok') return { status: 'completed' }
  if (step === 'fail') return { status: 'retry', delayMs: 10, error: 'scripted failure' }
  if (step === 'dead') return { status: 'dead', error: 'scripted death' }
  if (step !== 'hang') return await step
  await new Promise<void>((resolve) => {
    if (attempt.signal.aborted) resolve()
    attempt.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return { status: 'later', delayMs: 0, cause: 'shutdown', error: 'aborted' }
}

/** Job ids of the lane's record, oldest first. */
export async function record({ redis, keys }: World, lane: string): Promise<string[]> {
  return await redis.zrange(keys.call(laneKeyOf(lane)), '0', '-1')
}

/** A stock BullMQ queue, as a board has it, on the jobs of shard 0. */
export function board(t: TestContext, { config, keys }: World): Queue {
  const queue = new Queue(queueName, { connection: { url: config.redis.url }, prefix: keys.base })
  queue.on('error', () => {})
  t.after(() => queue.close())
  return queue
}

/** The newest dead letters of one shard, at most 100. */
export async function listDeadLetters(redis: Redis, keys: ShardKeys): Promise<readonly DeadLetter[]> {
  const queues = { redis, shards: [keys], sources: ['default'], timeZoneOf: () => 'UTC' }
  return (await readDeadLetters(queues, {}, { limit: 100 })).dead
}

/** Waits until that many dead letters are there, then gives the job id of the one with this label. */
export async function deadJob(w: World, label: string, count = 1): Promise<string> {
  const letters = await waitFor(async () => {
    const found = await listDeadLetters(w.redis, w.keys)
    return found.length >= count ? found : undefined
  })
  const letter = letters.find(({ eventId }) => eventId.slice(0, -37) === label)
  if (letter === undefined) throw new Error(`no dead letter ${label}`)
  return letter.jobId
}

export async function replayJob({ redis, keys }: World, jobId: string): Promise<Replayed> {
  return await replay(redis, keys, jobId, () => 'UTC')
}

export async function discardJob({ redis, keys }: World, jobId: string): Promise<boolean> {
  return await discard(redis, keys, jobId)
}

/** Upkeep of shard 0 that passes only when told to. */
export async function upkeep(t: TestContext, w: World, changes: Partial<UpkeepOptions> = {}): Promise<Upkeep> {
  const { deadHead, retentionMs, retentionMaxEvents } = w.config.lanes
  const log = createLog({ level: 'silent' })
  // Somebody else's turn, as far as the clock of this one goes.
  await w.redis.set(w.keys.sweeper, 'the test')
  const started = startUpkeep({
    redis: w.redis,
    keys: w.keys,
    deadHead,
    retentionMs,
    retentionMaxEvents,
    log,
    ...changes,
  })
  atEnd(t, w.config.redis.url, () => started.stop().catch(() => {}))
  return started
}

/** A lane told from its first event to its last, as long as it is. */
export async function wholeLane(queues: Parameters<typeof readTimeline>[0], lane: string): Promise<Timeline> {
  return await readTimeline(queues, lane, { limit: 100_000 })
}
