/**
 * Everything that comes is counted, once, by what became of it: also what is refused before anybody has read it.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { EventRefusedError, RedisUnavailableError } from '../../src/errors.ts'
import type { IngressDeps } from '../../src/ingress/app.ts'
import type { Counts } from '../../src/ingress/webhook.ts'
import { listen, testIngress, wire } from '../support/ingress.ts'
import { waitFor } from '../support/wait.ts'

type Received = Parameters<Counts['received']>[0]

function counting(t: TestContext, env: Record<string, string> = {}, deps: Partial<IngressDeps> = {}) {
  const received: Received[] = []
  const acks: number[] = []
  const counts: Counts = { received: (what) => void received.push(what), acked: (ms) => void acks.push(ms) }
  return { ...testIngress(t, env, { counts, ...deps }), received, acks }
}

const post = (payload: string, type = 'application/json') => ({
  method: 'POST' as const,
  url: '/simotel/',
  headers: { 'content-type': type },
  payload,
})

test('the counts, of events in each form, tell name, transport and where they went', async (t) => {
  const answers = [
    { sequence: 5, isNew: true },
    { sequence: 0, isNew: true },
    { sequence: 5, isNew: false },
    { sequence: 6, isNew: true },
  ]
  const enqueue: IngressDeps['enqueue'] = async ({ eventId }) => ({
    eventId,
    ...(answers.shift() ?? { sequence: 1, isNew: true }),
  })
  const { app, received, acks } = counting(t, {}, { enqueue })

  await app.inject(post('{"event_name":"Cdr"}', 'text/plain'))
  await app.inject(post('event_name=Cdr&cuid=1.1', 'application/x-www-form-urlencoded'))
  await app.inject('/simotel/?event_name=Ping')
  await app.inject(post('\u0000'))

  assert.deepEqual(received, [
    { outcome: 'taken', event: 'Cdr', transport: 'json' },
    { outcome: 'spooled', event: 'Cdr', transport: 'form' },
    { outcome: 'duplicate', event: 'Ping', transport: 'get' },
    { outcome: 'taken', event: 'Unknown', transport: 'other' },
  ])
  assert.equal(acks.length, 4)
  assert.ok(acks.every((ms) => ms > 0 && ms < 5_000))
})

for (const [outcome, error] of [
  ['unavailable', new RedisUnavailableError('away')],
  ['refused', new EventRefusedError('full')],
] as const) {
  test(`the counts, of an event that is ${outcome}, name it, and count no ack`, async (t) => {
    const { app, received, acks } = counting(t, {}, { enqueue: async () => Promise.reject(error) })

    await app.inject(post('{"event_name":"Cdr"}'))

    assert.deepEqual(received, [{ outcome, event: 'Cdr', transport: 'json' }])
    assert.deepEqual(acks, [])
  })
}

test('the counts, of what becomes no event, tell each kind of refusal', async (t) => {
  const env = { SIMOTEL_USERNAME: 'u', SIMOTEL_PASSWORD: 'p', MAX_BODY_BYTES: '1024' }
  const { app, received, acks } = counting(t, env)
  const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`
  const headers = { authorization }

  await app.inject('/simotel/?event_name=Ping')
  await app.inject({ url: '/simotel/', headers })
  await app.inject({ url: '/simotel/?app_name=menu', headers })
  await app.inject({ method: 'DELETE', url: '/simotel/', headers })
  await app.inject('/favicon.ico')
  await app.inject({ method: 'POST', url: '/simotel/', headers, payload: 'x'.repeat(1_025) })

  assert.deepEqual(
    received.map(({ outcome }) => outcome),
    ['unauthorized', 'opened', 'component', 'method', 'elsewhere', 'too-large'],
  )
  assert.ok(received.every(({ event }) => event === undefined))
  assert.deepEqual(acks, [])
})

test('the counts, of addresses not allowed and of what is no HTTP, tell them too', async (t) => {
  const { app, received } = counting(t, { ALLOWED_IPS: '10.0.0.0/8' })
  const port = await listen(app)

  await app.inject('/simotel/?event_name=Ping')
  await (await wire(t, port, 'not http\r\n\r\n')).closed
  await waitFor(() => received.length === 2)

  assert.deepEqual(
    received.map(({ outcome }) => outcome),
    ['forbidden', 'broken'],
  )
})

test('the counts, of a connection beyond as many as can be, tell it, and the log does', async (t) => {
  const { app, received, lines } = counting(t)
  const port = await listen(app)
  app.server.maxConnections = 1
  await wire(t, port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')

  await (await wire(t, port)).closed

  assert.deepEqual(received, [{ outcome: 'crowded' }])
  assert.ok(lines.some(({ msg }) => msg === 'connection refused: as many as can be are open'))
})
