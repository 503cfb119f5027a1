/** Traces, with a collector in this process: what a span says and what it never says, and that nothing waits for a collector. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RedisUnavailableError } from '../../src/errors.ts'
import type { Event, NewEvent } from '../../src/event/event.ts'
import type { Attempt, Outcome } from '../../src/event/outcome.ts'
import { createLog } from '../../src/log.ts'
import { openTracing } from '../../src/tracing.ts'
import { startCollector } from '../support/collector.ts'
import { waitFor } from '../support/wait.ts'

const identity = { kind: 'worker', id: 'process-1', version: '1.2.3', host: 'here' }
const eventId = '01a2150c-7977-7054-9cdb-735c3b1e08d2'
const traceId = '01a2150c797770549cdb735c3b1e08d2'
const event = {
  name: 'Cdr',
  eventId,
  source: 'default',
  callId: '1700000000.77',
  lane: 'default/extension:09120000101',
  receivedAt: new Date(1_700_000_000_000),
  sequence: 7,
  data: { src: '09120000101' },
  problems: [],
  raw: { method: 'GET', path: '/', query: 'src=09120000101', contentType: '', body: '', bodyEncoding: 'utf8' },
} as unknown as Event & NewEvent
const attempt = { attempt: 2, run: 3, putOffSince: undefined, signal: new AbortController().signal } satisfies Attempt

const enqueued = { eventId, sequence: 7, isNew: true }
const lines: Record<string, unknown>[] = []
const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
const said = (msg: string) => lines.filter((line) => line['msg'] === msg).length
const open = (endpoint: string | undefined, more: { now?: () => number; againMs?: number } = {}) =>
  openTracing({ config: { endpoint, headers: { 'x-key': 'secret' } }, identity, log, everyMs: 1, ...more })

test('tracing, without an endpoint, hands back what it is given', async () => {
  const tracing = open(undefined)
  const enqueue = async () => enqueued
  const run = async (): Promise<Outcome> => ({ status: 'completed' })

  assert.equal(tracing.traceWebhooks(enqueue), enqueue)
  assert.equal(tracing.traceAttempts(run), run)
  await tracing.close()
})

test('a webhook and its attempt, each told by its own process, are one trace, named by the event id', async (t) => {
  const collector = await startCollector(t)
  const ingress = open(collector.url, { now: () => 1_700_000_000_025 })
  const worker = open(collector.url, { now: () => 1_700_000_001_000 })

  assert.deepEqual(await ingress.traceWebhooks(async () => enqueued)(event), enqueued)
  const dead: Outcome = { status: 'dead', error: 'CRM does not know 09120000101' }
  assert.deepEqual(await worker.traceAttempts(async () => dead)(event, attempt), dead)
  await Promise.all([ingress.close(), worker.close()])

  const [webhook, attempted] = collector.spans().sort((a, b) => b.name.localeCompare(a.name))
  assert.deepEqual([webhook?.traceId, webhook?.spanId, webhook?.parentSpanId], [traceId, traceId.slice(16), undefined])
  assert.deepEqual([attempted?.traceId, attempted?.parentSpanId], [traceId, webhook?.spanId])
  assert.match(attempted?.spanId ?? '', /^[0-9a-f]{16}$/)
  assert.deepEqual([webhook?.name, webhook?.kind, webhook?.status.code], ['webhook', 2, 0])
  assert.deepEqual([attempted?.name, attempted?.kind, attempted?.status.code], ['attempt', 5, 2])
  assert.equal(BigInt(webhook?.endTimeUnixNano ?? 0) - BigInt(webhook?.startTimeUnixNano ?? 0), 25_000_000n)
  assert.deepEqual(attempted?.values, {
    'bridge.event': 'Cdr',
    'bridge.event_id': eventId,
    'bridge.source': 'default',
    'bridge.outcome': 'dead',
    'bridge.attempt': '2',
    'bridge.run': '3',
    'bridge.replayed': false,
  })
  const [post] = collector.posts
  assert.deepEqual(
    [post?.path, post?.headers['content-type'], post?.headers['x-key']],
    ['/v1/traces', 'application/json', 'secret'],
  )
  for (const { body } of collector.posts) assert.doesNotMatch(body, /(?<![\w.-])0912|1700000000\.77|CRM|extension/)
})

test('a webhook, by what became of it, is taken, spooled, a duplicate of the first, or refused', async (t) => {
  const collector = await startCollector(t)
  const tracing = open(collector.url)
  await tracing.traceWebhooks(async () => ({ ...enqueued, sequence: 0 }))(event)
  await tracing.traceWebhooks(async () => ({ ...enqueued, isNew: false }))(event)
  const away = async () => await Promise.reject(new RedisUnavailableError('away'))
  await assert.rejects(tracing.traceWebhooks(away)(event), RedisUnavailableError)
  await tracing.close()

  const told = collector
    .spans()
    .map(({ values, status, parentSpanId }) => [values['bridge.outcome'], status.code, parentSpanId])
  assert.deepEqual(told, [
    ['spooled', 0, undefined],
    ['duplicate', 0, traceId.slice(16)],
    ['refused', 2, undefined],
  ])
})

test('an event put back for its processor’s concurrency is no attempt', async (t) => {
  const collector = await startCollector(t)
  const tracing = open(collector.url)
  const ceiling: Outcome = { status: 'later', delayMs: 5, cause: 'ceiling', error: 'full' }

  assert.deepEqual(await tracing.traceAttempts(async () => ceiling)(event, attempt), ceiling)
  await tracing.traceAttempts(async () => ({ status: 'completed' }))(event, attempt)
  await tracing.close()
  assert.deepEqual(
    collector.spans().map(({ values }) => values['bridge.outcome']),
    ['completed'],
  )
})

test('a collector that is away, for as long as it is, holds nothing up; what waited is sent when it is back, up to the bound', async (t) => {
  const collector = await startCollector(t)
  collector.answer(503)
  const tracing = open(collector.url, { againMs: 5 })
  const enqueue = tracing.traceWebhooks(async () => enqueued)

  for (let n = 0; n < 5_000; n += 1) await enqueue(event)
  await waitFor(() => collector.posts.length > 2)
  assert.equal(said('traces cannot be sent, trying again; events are not concerned'), 1)
  collector.forget()
  collector.answer(200)
  await waitFor(() => said('traces are sent again') === 1)
  await tracing.close()
  const sent = collector.spans().length
  assert.ok(sent >= 4_096 && sent < 5_000, `${sent}`)
})

test('a collector that takes connections and never answers keeps no process from ending', async (t) => {
  const collector = await startCollector(t)
  collector.answer(undefined)
  const tracing = open(collector.url)
  await tracing.traceWebhooks(async () => enqueued)(event)
  await waitFor(() => collector.posts.length > 0)

  await tracing.close()
  assert.equal(
    collector.posts.length,
    1,
    'given up by the close, not by the limit of a post, after which it is tried again',
  )
})
