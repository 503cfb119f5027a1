/** The ingress over real sockets: what no injected request shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listen, testIngress, wire } from '../support/ingress.ts'
import { waitFor } from '../support/wait.ts'

const head = 'HTTP/1.1\r\nHost: pbx\r\n'
const post = (path: string, body: string, more = '') =>
  `POST ${path} ${head}${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const statuses = (received: string) => [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => Number(found[1]))

test('ingress, given a path that cannot be decoded, takes the event with it', async (t) => {
  const { app, events } = testIngress(t)
  const port = await listen(app)

  const { received } = await wire(t, port, post('/simotel/%ff/Cdr', 'cuid=1.2') + post('/simotel/%', 'cuid=1.2'))
  await waitFor(() => statuses(received()).length === 2)

  assert.deepEqual(statuses(received()), [200, 200])
  assert.deepEqual(
    events.map((event) => event.raw.path),
    ['/%ff/Cdr', '/%'],
  )
})

test('ingress, given an address of 40,000 characters, a missing Host, HTTP/1.0, takes the event', async (t) => {
  const { app, events } = testIngress(t)
  const port = await listen(app)
  const requests = [
    `GET /simotel/Cdr?x=${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
    `GET /simotel/${'b'.repeat(40_000)}/Cdr ${head}\r\n`,
    'GET /simotel/Cdr?x=1 HTTP/1.0\r\n\r\n',
  ]
  for (const request of requests) {
    const { received } = await wire(t, port, request)
    await waitFor(() => statuses(received()).length === 1)
    assert.deepEqual(statuses(received()), [200])
  }
  assert.equal(events.length, 3)
})

test('ingress, given a chunked body, with any content type, keeps every byte of it', async (t) => {
  const { app, events } = testIngress(t)
  const port = await listen(app)

  const { received } = await wire(
    t,
    port,
    `POST /simotel/ ${head}Content-Type: ///\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ncuid\r\n4\r\n=1.2\r\n0\r\n\r\n`,
  )
  await waitFor(() => statuses(received()).length === 1)

  assert.deepEqual(statuses(received()), [200])
  assert.deepEqual([events[0]?.raw.body, events[0]?.raw.contentType], ['cuid=1.2', '///'])
})

test('ingress, given several requests on one connection at once, answers each in its order', async (t) => {
  const { app, events } = testIngress(t)
  const port = await listen(app)

  const { received } = await wire(t, port, [1, 2, 3].map((n) => post('/simotel/', `cuid=1.${n}`)).join(''))
  await waitFor(() => statuses(received()).length === 3)

  assert.deepEqual(statuses(received()), [200, 200, 200])
  assert.deepEqual(
    [...received().matchAll(/"eventId":"([^"]+)"/g)].map((found) => found[1]),
    events.map((event) => event.eventId),
  )
  assert.deepEqual(
    events.map((event) => event.raw.body),
    ['cuid=1.1', 'cuid=1.2', 'cuid=1.3'],
  )
})

for (const [what, request] of [
  ['announced', `Content-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`],
  ['chunked', `Transfer-Encoding: chunked\r\n\r\n${`8000\r\n${'x'.repeat(0x8000)}\r\n`.repeat(10)}0\r\n\r\n`],
] as const) {
  test(`ingress, given a body over the limit, ${what}, answers 413 and takes the next request`, async (t) => {
    const { app, events } = testIngress(t, { MAX_BODY_BYTES: '65536' })
    const port = await listen(app)

    const { received, error } = await wire(t, port, `POST /simotel/ ${head}${request}${post('/simotel/', 'cuid=1.2')}`)
    await waitFor(() => statuses(received()).length === 2)

    assert.deepEqual(statuses(received()), [413, 200])
    assert.equal(error(), undefined)
    assert.equal(events.length, 1)
  })
}

test('ingress, given wrong credentials, answers before the body has come', async (t) => {
  const { app } = testIngress(t, { SIMOTEL_USERNAME: 'pbx', SIMOTEL_PASSWORD: 'secret' })
  const port = await listen(app)

  const { received } = await wire(t, port, `POST /simotel/ ${head}Content-Length: 1000\r\n\r\n`)
  await waitFor(() => statuses(received()).length === 1)

  assert.deepEqual(statuses(received()), [401])
})

test('ingress, given clients that send nothing, half a head or half a body, answers 408 or closes, and serves others', async (t) => {
  const { app, events, lines } = testIngress(t)
  const port = await listen(app)
  const slow = await Promise.all(
    ['', 'POST /sim', `POST /simotel/ ${head}Content-Length: 100\r\n\r\nhalf`].map((text) => wire(t, port, text)),
  )

  const quick = await wire(t, port, post('/simotel/', 'cuid=1.2'))
  await waitFor(() => statuses(quick.received()).length === 1)
  await Promise.all(slow.map(({ closed }) => closed))

  assert.deepEqual(
    slow.map(({ received }) => statuses(received())),
    [[408], [408], [408]],
  )
  assert.match(slow[2]!.received(), /"code":"BRIDGE_BAD_REQUEST"/)
  assert.deepEqual(
    events.map((event) => event.raw.body),
    ['cuid=1.2'],
  )
  assert.ok(lines.some((line) => line.msg === 'request did not arrive in time'))
})

test('ingress, given what is no HTTP, answers 400 in its own words and lives on', async (t) => {
  const { app } = testIngress(t)
  const port = await listen(app)

  const tls = await wire(t, port, Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  const long = await wire(t, port, `GET /simotel/ HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)
  await Promise.all([tls.closed, long.closed])

  assert.deepEqual([statuses(tls.received()), statuses(long.received())], [[400], [431]])
  assert.match(tls.received(), /"ok":false,"code":"BRIDGE_BAD_REQUEST"/)
  assert.equal((await app.inject('/healthz')).statusCode, 200)
})

test('ingress, when the client leaves before the reply, keeps the event', async (t) => {
  const events: string[] = []
  let release = () => {}
  const { app } = testIngress(
    t,
    {},
    {
      enqueue: async (event) => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        events.push(event.eventId)
        return { eventId: event.eventId, sequence: 1, isNew: true }
      },
    },
  )
  const port = await listen(app)

  const { socket } = await wire(t, port, post('/simotel/', 'cuid=1.2'))
  await waitFor(() => app.drain.inFlight === 1)
  socket.destroy()
  release()
  await waitFor(() => app.drain.inFlight === 0)

  assert.equal(events.length, 1)
})

test('ingress, when the client leaves within the body, makes no event and lives on', async (t) => {
  const { app, events, lines } = testIngress(t)
  const port = await listen(app)

  const { socket } = await wire(t, port, `POST /simotel/ ${head}Content-Length: 100\r\n\r\nhalf`)
  await waitFor(() => app.drain.accepted === 1)
  socket.destroy()
  const other = await wire(t, port, post('/simotel/', 'cuid=1.2'))
  await waitFor(() => statuses(other.received()).length === 1)

  assert.equal(events.length, 1)
  assert.deepEqual(
    lines.filter((line) => line.level === 'error'),
    [],
  )
})
