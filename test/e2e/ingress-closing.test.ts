/** Closing the ingress under real connections: no 503, no reset, nothing hangs. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { closeIngress } from '../../src/ingress/closing.ts'
import { listen, testIngress, wire } from '../support/ingress.ts'
import { waitFor } from '../support/wait.ts'

const request = (n: number, more = '') =>
  `POST /simotel/ HTTP/1.1\r\nHost: pbx\r\n${more}Content-Length: ${String(n).length + 5}\r\n\r\ncuid=${n}`

/** One connection, one request: the answer's status, or how it failed. */
function sendOnce(port: number, n: number): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(request(n)))
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk
      const status = /^HTTP\/1\.1 (\d+)[\s\S]*\r\n\r\n\{.*\}$/.exec(received)?.[1]
      if (status !== undefined) {
        resolve(status)
        socket.destroy()
      }
    })
    socket.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message))
    socket.on('close', () => resolve(received === '' ? 'closed' : received.slice(9, 12)))
  })
}

/** An enqueue that takes a little while, so that requests are in flight when the closing begins. */
function slowIngress(t: TestContext) {
  const taken: string[] = []
  const { app } = testIngress(
    t,
    {},
    {
      enqueue: async (event) => {
        await pause(3)
        taken.push(event.raw.body)
        return { eventId: event.eventId, sequence: taken.length, isNew: true }
      },
    },
  )
  return { app, taken }
}

test('closing, under a stream of new connections, answers every one that got in', async (t) => {
  for (let round = 0; round < 5; round++) {
    const { app, taken } = slowIngress(t)
    const port = await listen(app)
    const results: Promise<string>[] = []
    let isRefused = false
    const stream = (async () => {
      for (let n = 0; !isRefused; n++) {
        results.push(
          sendOnce(port, n).then((result) => {
            isRefused ||= result === 'ECONNREFUSED'
            return result
          }),
        )
        await pause(2)
      }
    })()
    await waitFor(() => taken.length > 20)

    await Promise.all([closeIngress(app), stream])

    const counts: Record<string, number> = {}
    for (const result of await Promise.all(results)) counts[result] = (counts[result] ?? 0) + 1
    const { 200: acked = 0, ECONNREFUSED: refused = 0, ...others } = counts
    assert.deepEqual(others, {})
    assert.ok(acked > 20 && refused > 0)
    assert.equal(acked, taken.length)
  }
})

test('closing, with kept-alive connections in use, closes each with an answer', async (t) => {
  const { app, taken } = slowIngress(t)
  const port = await listen(app)
  const clients = await Promise.all(Array.from({ length: 10 }, () => wire(t, port)))
  const sent = Array<number>(clients.length).fill(0)
  const loops = clients.map(async ({ socket, received }, at) => {
    while (!/connection: close/i.test(received()) && !socket.destroyed) {
      sent[at]!++
      socket.write(request(at))
      await waitFor(() => received().split('"eventId"').length - 1 === sent[at] || socket.destroyed, { everyMs: 1 })
    }
  })
  await waitFor(() => taken.length > 50)

  await Promise.all([closeIngress(app), ...loops])

  for (const [at, { received, error }] of clients.entries()) {
    assert.equal(received().split('HTTP/1.1 200').length - 1, sent[at])
    assert.equal(error(), undefined)
  }
  assert.equal(
    taken.length,
    sent.reduce((sum, count) => sum + count, 0),
  )
})

test('closing, with connections that never send anything or half a request, ends at its deadline', async (t) => {
  const { app } = testIngress(t)
  const port = await listen(app)
  const mute = [await wire(t, port), await wire(t, port, 'POST /simotel/ HTTP/1.1\r\nHost')]
  await waitFor(() => app.drain.accepted === 2)

  await closeIngress(app, { patienceMs: 10, deadlineMs: 100 })

  await Promise.all(mute.map(({ closed }) => closed))
})

test('closing, with an enqueue that outlasts the deadline, waits for it and answers', async (t) => {
  let release = () => {}
  const { app } = testIngress(
    t,
    {},
    {
      enqueue: async (event) => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return { eventId: event.eventId, sequence: 1, isNew: true }
      },
    },
  )
  const port = await listen(app)
  const { received, closed } = await wire(t, port, request(1))
  await waitFor(() => app.drain.inFlight === 1)

  let isClosed = false
  const closing = closeIngress(app, { patienceMs: 5, deadlineMs: 20 }).then(() => {
    isClosed = true
  })
  await pause(60)
  assert.equal(isClosed, false)
  release()
  await closing
  await closed

  assert.match(received(), /^HTTP\/1\.1 200 [\s\S]*connection: close/i)
})

test('closing, with a request half sent when it begins, takes it once it is whole', async (t) => {
  const { app, events } = testIngress(t)
  const port = await listen(app)
  const { socket, received, closed } = await wire(t, port, request(1).slice(0, -1))
  await waitFor(() => app.drain.accepted === 1)

  const closing = closeIngress(app, { patienceMs: 5 })
  await waitFor(() => !app.server.listening)
  socket.write('1')
  await Promise.all([closing, closed])

  assert.match(received(), /^HTTP\/1\.1 200 /)
  assert.equal(events.length, 1)
})

test('closing, of an app that never listened, is done at once', async (t) => {
  await closeIngress(testIngress(t).app)
})
