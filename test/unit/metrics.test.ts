/**
 * The metrics of each kind of process, as Prometheus reads them: every name of the interface, and what they count.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../src/event/outcome.ts'
import { ingressMetrics, type Metrics, metricNames, queueMetrics, workerMetrics } from '../../src/metrics.ts'
import { eventOf } from '../../src/testing.ts'

/** The samples of the bridge's own metrics: `name{labels}` -> value. */
async function samples(metrics: Metrics): Promise<Record<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('bridge_'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

const namesIn = (text: string) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '']) => name)
const attempt = (run: number) => ({ attempt: 1, run, putOffSince: undefined, signal: new AbortController().signal })
const noFigures = {
  jobs: [],
  parked: 0,
  lanes: 0,
  blockedLanes: 0,
  oldestWaitingMs: 0,
  oldestBlockedMs: 0,
  dead: 0,
  workers: 0,
  redisMemoryShare: 0,
  redisRisks: 0,
}

test('metrics, of ingress, worker and queues together, are every name once, beside those of the process', async () => {
  const ingress = ingressMetrics()
  ingress.watchSpool(() => ({ events: 0, oldestAt: undefined, refused: 0, bad: 0 }))
  const texts = await Promise.all([ingress, workerMetrics(), queueMetrics(async () => noFigures)].map((m) => m.text()))

  const own = texts.flatMap(namesIn).filter((name) => name.startsWith('bridge_'))
  assert.deepEqual(own.toSorted(), metricNames.toSorted())
  for (const text of texts) assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
})

test('metrics of an ingress, tell requests by what became of them, acks, failures and the spool', async () => {
  const at = 1_700_000_000_000
  const metrics = ingressMetrics(() => at)
  metrics.watchSpool(() => ({ events: 3, oldestAt: new Date(at - 2_500), refused: 2, bad: 1 }))
  const enqueue = metrics.countFailures(async (event: string) => {
    if (event === 'refused') throw new Error('away')
    return event
  })

  metrics.received({ outcome: 'taken', event: 'Cdr', transport: 'json' })
  metrics.received({ outcome: 'taken', event: 'Cdr', transport: 'json' })
  metrics.received({ outcome: 'unauthorized' })
  metrics.acked(30)
  assert.equal(await enqueue('taken'), 'taken')
  await assert.rejects(enqueue('refused'), /away/)

  const found = await samples(metrics)
  assert.equal(found['bridge_webhooks_received_total{event="Cdr",transport="json",outcome="taken"}'], 2)
  assert.equal(found['bridge_webhooks_received_total{event="none",transport="none",outcome="unauthorized"}'], 1)
  assert.equal(found['bridge_ack_seconds_bucket{le="0.025"}'], 0)
  assert.equal(found['bridge_ack_seconds_bucket{le="0.05"}'], 1)
  assert.equal(found['bridge_enqueue_failures_total'], 1)
  assert.equal(found['bridge_last_webhook_timestamp_seconds'], at / 1_000)
  assert.equal(found['bridge_spool_events'], 3)
  assert.equal(found['bridge_spool_oldest_age_seconds'], 2.5)
  assert.equal(found['bridge_spool_quarantined{kind="refused"}'], 2)
  assert.equal(found['bridge_spool_quarantined{kind="bad"}'], 1)
})

test('metrics of a worker, tell attempts by event and outcome, the wait of first starts, and dead letters', async () => {
  const event = eventOf('Cdr', {})
  const metrics = workerMetrics(() => event.receivedAt.getTime() + 3_000)
  const play = (outcome: Outcome, run: number, changes: Partial<typeof event> = {}) =>
    metrics.countAttempts(async () => outcome)({ ...event, ...changes }, attempt(run))

  assert.deepEqual(await play({ status: 'retry', delayMs: 1, error: 'x' }, 1), {
    status: 'retry',
    delayMs: 1,
    error: 'x',
  })
  await play({ status: 'dead', error: 'x' }, 2)
  await play({ status: 'completed' }, 1, { replayOf: 7 })
  await play({ status: 'later', delayMs: 1, cause: 'ceiling', error: 'x' }, 2)
  await play({ status: 'later', delayMs: 1, cause: 'asked', error: 'x' }, 2)
  metrics.sightings.dead('Cdr')

  const found = await samples(metrics)
  assert.equal(found['bridge_event_wait_seconds_count'], 1, 'one first start; a replay waited for a person')
  assert.equal(found['bridge_event_wait_seconds_sum'], 3)
  const attempts = Object.entries(found).filter(([name]) => name.startsWith('bridge_attempts_total'))
  assert.deepEqual(Object.fromEntries(attempts), {
    'bridge_attempts_total{event="Cdr",outcome="retry"}': 1,
    'bridge_attempts_total{event="Cdr",outcome="dead"}': 1,
    'bridge_attempts_total{event="Cdr",outcome="completed"}': 1,
    'bridge_attempts_total{event="Cdr",outcome="later"}': 1,
  })
  assert.equal(found['bridge_processor_seconds_count{event="Cdr",outcome="retry"}'], 1)
  assert.equal(found['bridge_dead_letters_total{event="Cdr"}'], 2)
})

test('metrics, of an event whose name is not in the catalogue, say Unknown: a series per name would never end', async () => {
  const metrics = workerMetrics()

  metrics.sightings.dead('call-09120000101')

  assert.equal((await samples(metrics))['bridge_dead_letters_total{event="Unknown"}'], 1)
  assert.doesNotMatch(await metrics.text(), /(?<![\w.])0912/)
})

test('metrics of the queues, are read anew for each look, in seconds; and fail when they cannot be read', async () => {
  const figures = { ...noFigures, jobs: [{ shard: 0, state: 'waiting', count: 4 }], oldestWaitingMs: 1_500, workers: 2 }
  let now: typeof figures | Error = figures
  const metrics = queueMetrics(async () => {
    if (now instanceof Error) throw now
    return now
  })

  const first = await samples(metrics)
  assert.equal(first['bridge_jobs{shard="0",state="waiting"}'], 4)
  assert.equal(first['bridge_oldest_waiting_age_seconds'], 1.5)
  assert.equal(first['bridge_workers'], 2)
  now = { ...figures, jobs: [], workers: 0 }
  const second = await samples(metrics)
  assert.deepEqual([second['bridge_jobs{shard="0",state="waiting"}'], second['bridge_workers']], [undefined, 0])
  now = new Error('away')
  await assert.rejects(metrics.text(), /away/)
})
