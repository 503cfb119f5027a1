/**
 * What the ops page shows, read at once and kept for a second, so that any number of open pages costs what one does.
 */
import { type Action, readActions } from '../../queue/actions.ts'
import { type BlockedLane, type HeldLane, listBlocked, listHeld } from '../../queue/blocked.ts'
import type { ErrorGroups } from '../../queue/error-groups.ts'
import { type Process, readProcesses } from '../../queue/heartbeat.ts'
import { type Activity, type Overview, readActivity } from '../../queue/overview.ts'
import type { Queues } from '../../queue/queues.ts'
import { type RedisHealth, readRedisHealth } from '../../queue/redis-health.ts'
import { createSamples, type Sample, type Trend } from './samples.ts'

/** Rows of a list on the ops page. */
export const shownRows = 25

export type OpsState = {
  readonly overview: Overview
  readonly processes: readonly Process[]
  /** Undefined if Redis does not tell, where INFO is not allowed. */
  readonly redis: readonly RedisHealth[] | undefined
  readonly blocked: readonly BlockedLane[]
  readonly held: readonly HeldLane[]
  readonly groups: ErrorGroups
  readonly actions: readonly Action[]
  readonly activity: Activity
  readonly samples: readonly (Sample | undefined)[]
  readonly trend: Trend
}

export type OpsReader = {
  /** Rejects as ioredis does if Redis cannot be asked. */
  read(): Promise<OpsState>
  /** Looks now and then, so that the charts have no gap while nobody reads; until it is stopped. Never throws. */
  watch(): { stop(): void }
}

const keptMs = 1_000

/** How often it looks by itself, in milliseconds. */
const lookEveryMs = 20_000

export type OpsReaderOptions = {
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Shared with others who ask for the same. */
  readonly overview: () => Promise<Overview>
  readonly groups: () => Promise<ErrorGroups>
}

/** Reads the ops page's state from these queues. */
export function createOpsReader(queues: Queues, { now, overview, groups }: OpsReaderOptions): OpsReader {
  const samples = createSamples(now())
  const activity = activityByMinute(queues, now)

  const look = async () => {
    const [seen, processes] = await Promise.all([overview(), readProcesses(queues)])
    samples.add({ at: seen.at, oldestWaitingMs: seen.oldestWaitingMs, processes })
    return { overview: seen, processes }
  }
  const readAnew = async (): Promise<OpsState> => {
    const [seen, redis, blocked, held, grouped, actions, minutes] = await Promise.all([
      look(),
      readRedisHealth(queues).catch(() => undefined),
      listBlocked(queues, shownRows),
      listHeld(queues, shownRows),
      groups(),
      readActions(queues, 10),
      activity(),
    ])
    const { at } = seen.overview
    return {
      ...seen,
      redis,
      blocked,
      held,
      groups: grouped,
      actions,
      activity: minutes,
      samples: samples.hour(at),
      trend: samples.trend(at),
    }
  }

  let last: { readonly at: number; readonly state: Promise<OpsState> } | undefined
  return {
    read() {
      if (last !== undefined && performance.now() - last.at < keptMs) return last.state
      const state = readAnew()
      last = { at: performance.now(), state }
      // A refusal is not kept: the next one asks again.
      state.catch(() => {
        last = undefined
      })
      return state
    },
    watch() {
      const timer = setInterval(() => {
        // Redis is away: a gap in the charts, and the page says so.
        look().catch(() => {})
      }, lookEveryMs)
      timer.unref()
      look().catch(() => {})
      return { stop: () => clearInterval(timer) }
    },
  }
}

/** Full minutes do not change any more but for a replay, so they are asked for once a minute. */
function activityByMinute(queues: Queues, now: () => number): () => Promise<Activity> {
  let last: { readonly minute: number; readonly activity: Activity } | undefined
  return async () => {
    const minute = Math.floor(now() / 60_000)
    if (last?.minute !== minute) last = { minute, activity: await readActivity(queues) }
    return last.activity
  }
}
