/**
 * Metrics: every name, once, and the only file that knows prom-client; the others are handed small functions. All values are
 * in seconds, all labels bounded: an event's name from the catalogue, an outcome, a way of transport, a shard; never a call id or number.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { eventNames } from './event/catalogue.ts'
import type { Event } from './event/event.ts'
import type { Attempt, Outcome } from './event/outcome.ts'

/** Name without its prefix -> what it says. */
const names = {
  webhooks_received_total: 'Requests by what became of them: taken, spooled, duplicate, or why there is no event.',
  ack_seconds: 'From the headers of a request to its 200.',
  enqueue_failures_total: 'Events that Redis did not take when they came.',
  spool_events: 'Events on disk that are not in Redis yet.',
  spool_oldest_age_seconds: 'Age of the event that drains next; 0 if the spool is empty.',
  spool_quarantined: 'Files in the quarantine: refused events, and damaged bytes.',
  last_webhook_timestamp_seconds: 'When the last event was acknowledged; 0 = none since the start.',
  event_wait_seconds: 'From the receipt of an event to its first start. Replays left out.',
  processor_seconds: 'How long attempts took.',
  attempts_total: 'Attempts that ended.',
  dead_letters_total: 'Events that became dead letters.',
  stalled_total: 'Events taken over from a worker that vanished.',
  sweep_repairs_total: 'Lanes repaired because something other than the bridge changed the queue.',
  early_trimmed_total: 'Completed events removed before their retention because Redis was nearly full.',
  jobs: 'Heads by what they do.',
  parked_events: 'Events behind the head of their lane.',
  lanes: 'Lanes with an event in them.',
  blocked_lanes: 'Lanes that wait for a replay or discard.',
  oldest_waiting_age_seconds: 'Age of the oldest event that nobody works on; 0 if none waits.',
  oldest_blocked_age_seconds: 'For how long the longest blocked lane has been so; 0 if none is.',
  dead_letters: 'Dead letters that are there now.',
  workers: 'Workers that are alive.',
  redis_memory_share: 'Share of its maxmemory that the fullest Redis has in use; 0 without a limit.',
  redis_risks:
    'Settings and troubles of Redis by which it may lose what it was given: eviction, no append-only file, a failed write.',
} as const

type Name = keyof typeof names

const full = (name: Name) => `bridge_${name}`

/** Every name of the bridge's own, with prefix: what rules and dashboards may ask for. */
export const metricNames: readonly string[] = (Object.keys(names) as Name[]).map(full)

/** What is served at `/metrics`. */
export type Metrics = {
  readonly contentType: string
  /** Prometheus text, as of now. */
  text(): Promise<string>
}

/** What became of a request. `event` and `transport` only if it was read that far. */
export type Received = { readonly outcome: string; readonly event?: string; readonly transport?: string }

export type IngressMetrics = Metrics & {
  received(webhook: Received): void
  /** Milliseconds from the headers of a request to its 200. */
  acked(tookMs: number): void
  /** Counts each rejection of `enqueue`, and is otherwise the same. */
  countFailures<E, A>(enqueue: (event: E) => Promise<A>): (event: E) => Promise<A>
  /** Asked at each look; `oldestAt` is undefined while it is not known. */
  watchSpool(state: () => SpoolFigures): void
}

export type SpoolFigures = {
  readonly events: number
  readonly oldestAt: Date | undefined
  readonly refused: number
  readonly bad: number
}

const ackBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const waitBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200]
const attemptBuckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** The metrics of an ingress. `now` in epoch milliseconds; the clock by default. */
export function ingressMetrics(now: () => number = Date.now): IngressMetrics {
  const { counter, gauge, histogram, metrics } = registry()
  const received = counter('webhooks_received_total', ['event', 'transport', 'outcome'])
  const ack = histogram('ack_seconds', ackBuckets).labels()
  const failures = counter('enqueue_failures_total')
  let lastAckedAt = 0
  gauge('last_webhook_timestamp_seconds', [], (set) => set(lastAckedAt / 1_000))
  return {
    ...metrics,
    received({ outcome, event, transport = 'none' }) {
      received.inc({ event: event === undefined ? 'none' : labelOf(event), transport, outcome })
    },
    acked(tookMs) {
      ack.observe(tookMs / 1_000)
      lastAckedAt = now()
    },
    countFailures: (enqueue) => async (event) => {
      try {
        return await enqueue(event)
      } catch (error) {
        failures.inc()
        throw error
      }
    },
    watchSpool(state) {
      gauge('spool_events', [], (set) => set(state().events))
      gauge('spool_oldest_age_seconds', [], (set) => {
        const { oldestAt } = state()
        set(oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt.getTime()) / 1_000)
      })
      gauge('spool_quarantined', ['kind'], (set) => {
        const { refused, bad } = state()
        set(refused, { kind: 'refused' })
        set(bad, { kind: 'bad' })
      })
    },
  }
}

export type WorkerMetrics = Metrics & {
  /** Times and counts what `run` does, and is otherwise the same. A put-back for a processor's concurrency is no attempt. */
  countAttempts(run: Run): Run
  /** What no attempt tells of; for the queue. */
  readonly sightings: {
    dead(event: string): void
    stalled(): void
    repaired(kind: 'advanced' | 'blocked', count: number): void
    trimmedEarly(count: number): void
  }
}

type Run = (event: Event, attempt: Attempt) => Promise<Outcome>

/** The metrics of a worker. `now` in epoch milliseconds; the clock by default. */
export function workerMetrics(now: () => number = Date.now): WorkerMetrics {
  const { counter, histogram, metrics } = registry()
  const wait = histogram('event_wait_seconds', waitBuckets)
  const seconds = histogram('processor_seconds', attemptBuckets, ['event', 'outcome'])
  const attempts = counter('attempts_total', ['event', 'outcome'])
  const dead = counter('dead_letters_total', ['event'])
  const stalled = counter('stalled_total')
  const repairs = counter('sweep_repairs_total', ['kind'])
  const trimmed = counter('early_trimmed_total')
  for (const kind of ['advanced', 'blocked']) repairs.inc({ kind }, 0)
  return {
    ...metrics,
    countAttempts: (run) => async (event, attempt) => {
      const startedAt = performance.now()
      if (attempt.run === 1 && event.replayOf === undefined) {
        wait.observe(Math.max(0, now() - event.receivedAt.getTime()) / 1_000)
      }
      const outcome = await run(event, attempt)
      if (outcome.status === 'later' && outcome.cause === 'ceiling') return outcome
      const labels = { event: labelOf(event.name), outcome: outcome.status }
      attempts.inc(labels)
      seconds.observe(labels, (performance.now() - startedAt) / 1_000)
      if (outcome.status === 'dead') dead.inc({ event: labels.event })
      return outcome
    },
    sightings: {
      dead: (event) => dead.inc({ event: labelOf(event) }),
      stalled: () => stalled.inc(),
      repaired: (kind, count) => repairs.inc({ kind }, count),
      trimmedEarly: (count) => trimmed.inc(count),
    },
  }
}

/** The state of the queues, over all shards but for `jobs`. Ages in milliseconds, 0 if there is none. */
export type QueueFigures = {
  readonly jobs: readonly { readonly shard: number; readonly state: string; readonly count: number }[]
  readonly parked: number
  readonly lanes: number
  readonly blockedLanes: number
  readonly oldestWaitingMs: number
  readonly oldestBlockedMs: number
  readonly dead: number
  readonly workers: number
  /** 0 to 1. */
  readonly redisMemoryShare: number
  readonly redisRisks: number
}

/** The metrics of the queues, read once for each look. If `read` rejects, so does `text`: an old number would be believed. */
export function queueMetrics(read: () => Promise<QueueFigures>): Metrics {
  const { gauge, metrics } = registry()
  const jobs = gauge('jobs', ['shard', 'state'])
  const single: readonly (readonly [Gauge, (figures: QueueFigures) => number])[] = [
    [gauge('parked_events'), ({ parked }) => parked],
    [gauge('lanes'), ({ lanes }) => lanes],
    [gauge('blocked_lanes'), ({ blockedLanes }) => blockedLanes],
    [gauge('oldest_waiting_age_seconds'), ({ oldestWaitingMs }) => oldestWaitingMs / 1_000],
    [gauge('oldest_blocked_age_seconds'), ({ oldestBlockedMs }) => oldestBlockedMs / 1_000],
    [gauge('dead_letters'), ({ dead }) => dead],
    [gauge('workers'), ({ workers }) => workers],
    [gauge('redis_memory_share'), ({ redisMemoryShare }) => redisMemoryShare],
    [gauge('redis_risks'), ({ redisRisks }) => redisRisks],
  ]
  return {
    ...metrics,
    async text() {
      const figures = await read()
      for (const [one, value] of single) one.set(value(figures))
      jobs.reset()
      for (const { shard, state, count } of figures.jobs) jobs.set({ shard, state }, count)
      return await metrics.text()
    },
  }
}

/** A registry of its own for each process, with what Node and the system say of the process; event loop lag included. */
function registry() {
  const register = new Registry()
  collectDefaultMetrics({ register })
  const common = (name: Name, labelNames: readonly string[]) => ({
    name: full(name),
    help: names[name],
    labelNames,
    registers: [register],
  })
  return {
    metrics: { contentType: register.contentType, text: () => register.metrics() },
    counter: (name: Name, labels: readonly string[] = []) => new Counter(common(name, labels)),
    histogram: (name: Name, buckets: number[], labels: readonly string[] = []) =>
      new Histogram({ ...common(name, labels), buckets }),
    gauge: (name: Name, labels: readonly string[] = [], ask?: (set: SetGauge) => void) =>
      new Gauge({
        ...common(name, labels),
        ...(ask && {
          collect(this: Gauge) {
            ask((value, labelled = {}) => this.set(labelled, value))
          },
        }),
      }),
  }
}

type SetGauge = (value: number, labels?: Record<string, string>) => void

const known: ReadonlySet<string> = new Set(eventNames)

/** A job that is not ours may have any name, and each would be a series for ever. */
function labelOf(event: string): string {
  return known.has(event) ? event : 'Unknown'
}
