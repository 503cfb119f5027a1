import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as loopTurn } from 'node:timers/promises'
import { EventRefusedError, RedisUnavailableError } from '../../src/errors.ts'
import { loadPayloads } from '../fixtures/payloads.ts'
import { testIngress } from '../support/ingress.ts'

const cdr = { event_name: 'Cdr', src: '09120000101', dst: '553', cuid: '1700000000.101' }
const json = { 'content-type': 'application/json' }

test('ingress, given an event, enqueues it with a uuid v7 and answers 200 with that id', async (t) => {
  const { app, events } = testIngress(t, {}, { now: () => 1_700_000_000_123 })

  const reply = await app.inject({ method: 'POST', url: '/simotel/', headers: json, payload: JSON.stringify(cdr) })

  assert.equal(reply.statusCode, 200)
  assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  assert.match(reply.json().eventId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
  assert.deepEqual(reply.json(), { ok: true, eventId: events[0]?.eventId })
  assert.equal(events.length, 1)
  const { name, callId, source, lane, receivedAt, raw } = events[0]!
  assert.deepEqual(
    [name, callId, source, lane, receivedAt.getTime()],
    ['Cdr', '1700000000.101', 'default', 'default/call:1700000000.101', 1_700_000_000_123],
  )
  assert.deepEqual(raw, {
    method: 'POST',
    path: '/',
    query: '',
    contentType: 'application/json',
    body: JSON.stringify(cdr),
    bodyEncoding: 'utf8',
  })
})

test('ingress, until enqueue has said that the event is durable, does not answer', async (t) => {
  const steps: string[] = []
  const { app } = testIngress(
    t,
    {},
    {
      enqueue: async (event) => {
        for (let turn = 0; turn < 5; turn++) await loopTurn()
        steps.push('durable')
        return { eventId: event.eventId, sequence: 1, isNew: true }
      },
    },
  )

  const reply = await app.inject({ method: 'POST', url: '/simotel/', payload: 'x' })
  steps.push('answered')

  assert.equal(reply.statusCode, 200)
  assert.deepEqual(steps, ['durable', 'answered'])
})

test('ingress, given every recorded payload, takes events as they are and refuses component requests', async (t) => {
  const { app, events } = testIngress(t)
  for (const payload of loadPayloads()) {
    const { method, path, query, contentType, body } = payload.raw
    const before = events.length
    const reply = await app.inject({
      method: method as 'GET' | 'POST',
      url: `/simotel${path}${query && `?${query}`}`,
      headers: contentType === '' ? {} : { 'content-type': contentType },
      ...(body !== '' && { payload: body }),
    })

    const what = `line ${payload.line}: ${payload.source}`
    assert.equal(reply.statusCode, payload.kind === 'event' ? 200 : 422, what)
    assert.equal(events.length - before, payload.kind === 'event' ? 1 : 0, what)
    if (payload.kind === 'component') continue
    const event = events.at(-1)!
    assert.deepEqual(event.raw, payload.raw, what)
    assert.deepEqual([event.name, event.callId], [payload.name, payload.callId], what)
  }
})

test('ingress, given addresses below WEBHOOK_PATH in any form, takes the event with its path as it came', async (t) => {
  const { app, events } = testIngress(t, { SOURCES: 'tehran,karaj' })
  for (const [url, source, path] of [
    ['/simotel', 'default', '/'],
    ['/simotel/', 'default', '/'],
    ['/simotel/NewState', 'default', '/NewState'],
    ['/simotel//NewState', 'default', '//NewState'],
    ['/simotel/new_state/', 'default', '/new_state/'],
    ['/simotel/New%20State', 'default', '/New%20State'],
    ['/simotel/tehran', 'tehran', '/'],
    ['/simotel/karaj/Cdr', 'karaj', '/Cdr'],
    ['/simotel/%zz/..;/Cdr', 'default', '/%zz/..;/Cdr'],
  ] as const) {
    const reply = await app.inject({ method: 'POST', url, headers: json, payload: JSON.stringify(cdr) })

    assert.equal(reply.statusCode, 200, url)
    assert.deepEqual([events.at(-1)?.source, events.at(-1)?.raw.path], [source, path], url)
  }
})

test('ingress, with WEBHOOK_PATH=/, takes every path but those of health', async (t) => {
  const { app, events } = testIngress(t, { WEBHOOK_PATH: '/' })

  await app.inject({ method: 'POST', url: '/NewState', payload: 'exten=1' })
  await app.inject({ method: 'POST', url: '/', payload: 'exten=1' })
  const health = await app.inject('/healthz')

  assert.deepEqual(
    events.map((event) => event.raw.path),
    ['/NewState', '/'],
  )
  assert.deepEqual([health.statusCode, health.json()], [200, { ok: true }])
})

test('ingress, given any content type and any bytes, keeps them and answers 200', async (t) => {
  const { app, events } = testIngress(t)
  const bytes = Buffer.from([0x1f, 0x8b, 0x08, 0xff, 0xfe])
  for (const type of [
    undefined,
    '',
    'application/json',
    'application/json; charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'nonsense',
    ';;;/',
    'a/b/c',
  ]) {
    for (const body of [bytes, '{"event_name":', '[1,', '{"__proto__":{"x":1}}', '{"constructor":{"prototype":{}}}']) {
      const headers = { ...(type !== undefined && { 'content-type': type }), 'content-encoding': 'gzip' }
      const reply = await app.inject({ method: 'POST', url: '/simotel/', headers, payload: body })

      const what = `${type} ${body}`
      assert.equal(reply.statusCode, 200, what)
      const { raw } = events.at(-1)!
      assert.equal(raw.contentType, type ?? '', what)
      assert.deepEqual(Buffer.from(raw.body, raw.bodyEncoding), Buffer.from(body), what)
    }
  }
  assert.equal(({} as { x?: number }).x, undefined)
})

test('ingress, given GET with a query, with a body, with an empty form body, takes the event', async (t) => {
  const { app, events } = testIngress(t)
  const url = '/simotel/?event_name=NewState&exten=991&state=Unavailable'

  const replies = [
    await app.inject({ method: 'GET', url }),
    await app.inject({
      method: 'GET',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' },
    }),
    await app.inject({ method: 'GET', url: '/simotel/', headers: json, payload: JSON.stringify(cdr) }),
  ]

  assert.deepEqual(
    replies.map((reply) => reply.statusCode),
    [200, 200, 200],
  )
  assert.deepEqual(
    events.map((event) => event.name),
    ['NewState', 'NewState', 'Cdr'],
  )
  assert.equal(events[0]?.raw.query, 'event_name=NewState&exten=991&state=Unavailable')
})

test('ingress, when somebody opens the address with nothing in it, answers 200 and makes no event', async (t) => {
  const { app, events } = testIngress(t, { SOURCES: 'tehran' })
  for (const method of ['GET', 'HEAD'] as const) {
    for (const url of ['/simotel', '/simotel/', '/simotel/tehran/', '/simotel/?api_key=abc', '/simotel?']) {
      const reply = await app.inject({ method, url })

      assert.deepEqual(
        [reply.statusCode, reply.body],
        [200, method === 'HEAD' ? '' : '{"ok":true}'],
        `${method} ${url}`,
      )
    }
  }
  assert.equal(events.length, 0)
})

test('ingress, given POST of the address with nothing in it, keeps an Unknown event', async (t) => {
  const { app, events } = testIngress(t)

  const reply = await app.inject({ method: 'POST', url: '/simotel/' })

  assert.equal(reply.statusCode, 200)
  assert.equal(events[0]?.name, 'Unknown')
})

test('ingress, given secrets in the address, keeps none of them', async (t) => {
  const { app, events, lines } = testIngress(t)

  await app.inject({ method: 'POST', url: '/simotel/S3cretT0ken99/Cdr?api_key=hidden1&x=1', payload: 'cuid=1.2' })

  assert.deepEqual([events[0]?.raw.path, events[0]?.raw.query], ['/Cdr', 'x=1'])
  assert.doesNotMatch(JSON.stringify([events, lines]), /S3cret|hidden1/)
})

test('ingress, given a component request, answers 422 with help, enqueues nothing and logs it once in a while', async (t) => {
  const { app, events, lines } = testIngress(t)
  const payload = JSON.stringify({ app_name: 's1', src: '991', dst: '553', data: '', unique_id: '1700000000.101' })

  const replies = []
  for (let i = 0; i < 5; i++) {
    replies.push(await app.inject({ method: 'POST', url: '/simotel/', headers: json, payload }))
  }

  for (const reply of replies) {
    assert.equal(reply.statusCode, 422)
    assert.deepEqual([reply.json().ok, reply.json().code], [false, 'BRIDGE_COMPONENT_REQUEST'])
    assert.match(reply.json().message, /component/)
  }
  assert.equal(events.length, 0)
  assert.equal(lines.filter((line) => line.level === 'warn').length, 1)
})

for (const [what, error, code] of [
  ['Redis is away', new RedisUnavailableError('Redis is away'), 'BRIDGE_REDIS_UNAVAILABLE'],
  ['the event is refused', new EventRefusedError('lane full'), 'BRIDGE_EVENT_REFUSED'],
  ['enqueue fails in an unknown way', new TypeError('bug'), undefined],
] as const) {
  test(`ingress, when ${what}, answers 503 with Retry-After and logs what was lost`, async (t) => {
    const { app, lines } = testIngress(t, {}, { enqueue: async () => Promise.reject(error) })

    const reply = await app.inject({ method: 'POST', url: '/simotel/', headers: json, payload: JSON.stringify(cdr) })

    assert.equal(reply.statusCode, 503)
    assert.equal(reply.headers['retry-after'], '5')
    assert.deepEqual([reply.json().ok, reply.json().code], [false, 'BRIDGE_UNAVAILABLE'])
    const lost = lines.filter((line) => line.level === 'error')
    assert.equal(lost.length, 1)
    assert.deepEqual([lost[0]?.['event'], lost[0]?.['callId'], lost[0]?.['code']], ['Cdr', '1700000000.101', code])
  })
}

test('ingress, outside WEBHOOK_PATH, answers 404 and names the address as the client spells it', async (t) => {
  const { app, events, lines } = testIngress(t)
  for (const url of ['/', '/simotelx', '/webhook', '/elsewhere', '/Simotel/Cdr', '/token/abc']) {
    const reply = await app.inject({ method: 'POST', url, headers: { host: '10.1.2.3:3000' }, payload: 'x' })

    assert.equal(reply.statusCode, 404, url)
    assert.equal(reply.json().code, 'BRIDGE_NOT_FOUND')
    assert.match(reply.json().message, /http:\/\/10\.1\.2\.3:3000\/simotel\//)
  }
  assert.equal(events.length, 0)
  assert.doesNotMatch(JSON.stringify(lines), /abc/)
})

test('ingress, given a host header that is no host, does not echo it', async (t) => {
  const { app } = testIngress(t)

  const reply = await app.inject({ url: '/', headers: { host: '<script>' } })

  assert.match(reply.json().message, /http:\/\/HOST:PORT\/simotel\//)
})

test('ingress, given another method, answers 405 with Allow', async (t) => {
  const { app, events } = testIngress(t)
  for (const [method, url] of [
    ['PUT', '/simotel/'],
    ['DELETE', '/simotel/Cdr'],
    ['OPTIONS', '/simotel/'],
    ['PATCH', '/simotel'],
    ['HEAD', '/simotel/Cdr?cuid=1'],
  ] as const) {
    const reply = await app.inject({ method, url })

    assert.equal(reply.statusCode, 405, method)
    assert.equal(reply.headers['allow'], 'GET, HEAD, POST')
  }
  assert.equal(events.length, 0)
})

test('ingress, given a body over MAX_BODY_BYTES, answers 413 and one at the limit 200', async (t) => {
  const { app, events, lines } = testIngress(t, { MAX_BODY_BYTES: '2048' })

  const over = await app.inject({ method: 'POST', url: '/simotel/', payload: 'x'.repeat(2049) })
  const at = await app.inject({ method: 'POST', url: '/simotel/', payload: 'x'.repeat(2048) })

  assert.deepEqual([over.statusCode, over.json().code], [413, 'BRIDGE_BODY_TOO_LARGE'])
  assert.match(over.json().message, /2048/)
  assert.equal(at.statusCode, 200)
  assert.equal(events.length, 1)
  assert.equal(lines.filter((line) => /MAX_BODY_BYTES/.test(line.msg)).length, 1)
})

test('ingress, with a duplicate window, gives the same bytes of one source one event id and other bytes another', async (t) => {
  const first = new Map<string, string>()
  const { app, events } = testIngress(
    t,
    { DUPLICATE_WINDOW_MS: '60000', SOURCES: 'tehran' },
    {
      claimEventId: async (fingerprint, eventId) => {
        if (!first.has(fingerprint)) first.set(fingerprint, eventId)
        return first.get(fingerprint)!
      },
    },
  )
  const send = async (url: string, payload: string) =>
    (await app.inject({ method: 'POST', url, headers: json, payload })).json().eventId
  const body = JSON.stringify(cdr)

  const one = await send('/simotel/', body)

  assert.equal(await send('/simotel/', body), one)
  assert.notEqual(await send('/simotel/', `${body} `), one)
  assert.notEqual(await send('/simotel/Cdr', body), one)
  assert.notEqual(await send('/simotel/tehran/', body), one)
  assert.deepEqual(
    events.slice(0, 2).map((event) => event.eventId),
    [one, one],
  )
})

test('ingress, when the claim of a duplicate window fails, takes the event under its own id', async (t) => {
  const { app, events } = testIngress(
    t,
    { DUPLICATE_WINDOW_MS: '60000' },
    { claimEventId: async () => Promise.reject(new RedisUnavailableError('away')), newEventId: () => 'own' },
  )

  const reply = await app.inject({ method: 'POST', url: '/simotel/', payload: 'x' })

  assert.deepEqual([reply.statusCode, reply.json().eventId, events.length], [200, 'own', 1])
})

test('ingress, without a duplicate window, never asks for a claim', async (t) => {
  let claims = 0
  const { app } = testIngress(t, {}, { claimEventId: async (_fingerprint, eventId) => `${eventId}${claims++}` })

  await app.inject({ method: 'POST', url: '/simotel/', payload: 'x' })

  assert.equal(claims, 0)
})

test('ingress, for each ack, logs one line at debug with the fixed fields and the lane masked', async (t) => {
  const { app, lines } = testIngress(t)

  await app.inject({
    method: 'POST',
    url: '/simotel/',
    headers: json,
    payload: '{"event_name":"IncomingCall","number":"09120000101"}',
  })

  const acks = lines.filter((line) => line.msg === 'webhook acked')
  assert.equal(acks.length, 1)
  const { eventId, event, lane, callId, durationMs, level } = acks[0]!
  assert.deepEqual(
    [level, event, callId, typeof eventId, typeof durationMs],
    ['debug', 'IncomingCall', null, 'string', 'number'],
  )
  assert.match(String(lane), /^default\/number:0912\*+01$/)
  assert.doesNotMatch(JSON.stringify(lines), /09120000101/)
})

test('readyz, by the state of Redis and of the spool and while draining, answers 200 or 503 with the state', async (t) => {
  const redis = { ready: true, detail: 'ready' }
  const spool = { ready: false, detail: 'full' }
  const { app } = testIngress(t, {}, { redisState: () => redis, spoolState: () => spool })

  const well = await app.inject('/readyz')
  redis.ready = false
  const neither = await app.inject('/readyz')
  spool.ready = true
  const spooling = await app.inject('/readyz')
  app.drain.isDraining = true
  const draining = await app.inject('/readyz')

  assert.deepEqual(
    [well.statusCode, well.json()],
    [200, { ok: true, redis: { ready: true, detail: 'ready' }, spool: { ready: false, detail: 'full' } }],
  )
  assert.equal(neither.statusCode, 503)
  assert.deepEqual([neither.json().ok, neither.json().code], [false, 'BRIDGE_UNAVAILABLE'])
  assert.deepEqual([spooling.statusCode, spooling.json().redis.ready], [200, false])
  assert.equal(draining.statusCode, 503)
  assert.equal((await app.inject('/healthz')).statusCode, 200)
})
