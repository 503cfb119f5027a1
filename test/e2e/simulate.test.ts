/**
 * The simulator against a small HTTP server of the test's own: what it sends, in which order, and what it says of the answers.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { undisturbed } from '../../scripts/simulate/disturb.ts'
import { type PlanGiven, planCalls, planOf } from '../../scripts/simulate/plan.ts'
import { NothingListensError, play } from '../../scripts/simulate/play.ts'
import { waitFor } from '../support/wait.ts'

type Got = {
  readonly method: string
  readonly target: string
  readonly body: string
  readonly authorization: string
  /** How many webhooks were being answered when this one came, itself included. */
  readonly open: number
  readonly at: number
  aborted: boolean
}

type Answer = (got: Got, response: ServerResponse, request: IncomingMessage) => void

const ack: Answer = (got, response) => {
  response.end(JSON.stringify({ ok: true, eventId: `id-${got.body.length}` }))
}

/** A server that keeps what it gets; closed when the test ends. */
async function listen(t: TestContext, answer: Answer = ack) {
  const got: Got[] = []
  let open = 0
  const server = createServer((request, response) => {
    open += 1
    const at = performance.now()
    const openNow = open
    const parts: Buffer[] = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      const webhook: Got = {
        method: request.method ?? '',
        target: request.url ?? '',
        body: Buffer.concat(parts).toString(),
        authorization: request.headers.authorization ?? '',
        open: openNow,
        at,
        aborted: false,
      }
      got.push(webhook)
      response.on('close', () => {
        open -= 1
        webhook.aborted = !response.writableFinished
      })
      answer(webhook, response, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/simotel/`, got }
}

const field = (got: Got, name: string): unknown => JSON.parse(got.body)[name]

function bytesOf(given: PlanGiven): string[] {
  return [...planCalls(planOf(given))]
    .flatMap((call) => call.webhooks)
    .map(({ request }) => request.target + request.body)
}

test('play, of every flow, sends what is planned, reports one entry each, and all is acked', async (t) => {
  const { url, got } = await listen(t)

  const report = await play({ url, seed: 1 })

  assert.deepEqual(got.map((webhook) => webhook.target + webhook.body).sort(), bytesOf({ url, seed: 1 }).sort())
  assert.deepEqual(
    [report.calls, report.sent, report.acked, report.failed, report.stopped, report.seed],
    [16, got.length, got.length, 0, false, 1],
  )
  assert.equal(report.entries.length, got.length)
  assert.ok(report.entries.every((entry) => entry.result === 'acked' && /^id-\d+$/.test(entry.eventId ?? '')))
  assert.ok(report.ackMs !== null && report.ackMs.p50 <= report.ackMs.p99 && report.ackMs.p99 <= report.ackMs.max)
})

test('play, of one call at a time, twice with one seed, sends the same bytes in the same order', async (t) => {
  const { url, got } = await listen(t)
  const options = { url, seed: 9, concurrency: 1, calls: 20, transport: 'mix', mode: 'mix' } as const

  await play(options)
  const first = got.splice(0).map((webhook) => webhook.target + webhook.body)
  await play(options)

  assert.deepEqual(
    got.map((webhook) => webhook.target + webhook.body),
    first,
  )
})

test('play, without a seed, twice, meets in no call and says how to have it again', async (t) => {
  const { url, got } = await listen(t)

  const report = await play({ url, flows: ['3'] })
  await play({ url, flows: ['3'] })
  const again = await play({ url, flows: ['3'], seed: report.seed, baseTime: report.baseTime })

  assert.equal(got.length, 12)
  assert.equal(new Set(got.map((webhook) => field(webhook, 'cuid'))).size, 2)
  assert.deepEqual(
    again.entries.map((entry) => entry.callId),
    report.entries.map((entry) => entry.callId),
  )
})

test('play, with many calls side by side and slow answers, keeps each call in order and the calls mixed', async (t) => {
  const { url, got } = await listen(t, (webhook, response) =>
    setTimeout(() => ack(webhook, response, {} as never), Math.random() * 5),
  )

  const report = await play({ url, seed: 2, calls: 40, eventsPerCall: 12, marks: true, concurrency: 10 })

  assert.deepEqual([report.acked, report.failed], [480, 0])
  const last = new Map<unknown, number>()
  for (const webhook of got) {
    const call = field(webhook, 'sim_call')
    assert.equal(field(webhook, 'sim_ordinal'), (last.get(call) ?? 0) + 1)
    last.set(call, Number(field(webhook, 'sim_ordinal')))
  }
  const most = Math.max(...got.map((webhook) => webhook.open))
  assert.ok(most > 1 && most <= 10, `${most} at once`)
})

test('play, given refusals, counts them with the reason and goes on with the call', async (t) => {
  const { url, got } = await listen(t, (webhook, response, request) => {
    if (!webhook.body.includes('"Cdr"')) return ack(webhook, response, request)
    response.statusCode = 503
    response.end('{"ok":false,"code":"BRIDGE_UNAVAILABLE","message":"Redis is away"}')
  })

  const report = await play({ url, seed: 1, flows: ['5'] })

  assert.deepEqual([report.sent, report.acked, report.failed], [10, 8, 2])
  assert.equal(got.length, 10)
  assert.deepEqual(report.reasons, { 'HTTP 503 BRIDGE_UNAVAILABLE Redis is away': 2 })
  assert.deepEqual(
    report.entries
      .filter((entry) => entry.result === 'refused')
      .map(({ name, status, eventId }) => [name, status, eventId]),
    [
      ['Cdr', 503, null],
      ['Cdr', 503, null],
    ],
  )
})

test('play, given a redirect or an answer that is not the bridge, does not follow it and says so', async (t) => {
  const { url, got } = await listen(t, (webhook, response) => {
    if (got.length > 1) return response.end('<html>')
    response.writeHead(301, { location: 'https://elsewhere/' }).end()
    return webhook
  })

  const report = await play({ url, seed: 1, flows: ['6c'] })

  assert.deepEqual(report.reasons, { 'HTTP 301 to https://elsewhere/': 1 })
  assert.deepEqual(
    report.entries.map((entry) => [entry.result, entry.eventId]),
    [
      ['refused', null],
      ['acked', null],
    ],
  )
})

test('play, given a connection that breaks or an answer that never comes, counts each with its reason', async (t) => {
  const { url, got } = await listen(t, (webhook, response, request) => {
    if (got.length === 1) request.socket.destroy()
    else if (got.length > 2) ack(webhook, response, request)
  })

  const report = await play({ url, seed: 1, flows: ['3'], timeoutMs: 200 })

  assert.deepEqual([report.sent, report.acked, report.failed], [4, 2, 2])
  assert.deepEqual(Object.keys(report.reasons).sort(), ['no answer within 200 ms', 'socket hang up'])
  await waitFor(() => got[1]?.aborted, { what: 'the connection without an answer to be closed' })
})

test('play, with component requests, expects 422; a 200 is a failure', async (t) => {
  const wise = await listen(t, (webhook, response, request) => {
    if (webhook.body.includes('app_name')) response.statusCode = 422
    ack(webhook, response, request)
  })
  const naive = await listen(t)
  const options = { seed: 1, disturbances: { ...undisturbed, component: 1 } }

  const [refused, taken] = [await play({ url: wise.url, ...options }), await play({ url: naive.url, ...options })]

  assert.deepEqual([refused.failed, refused.expected, refused.acked], [0, 16, refused.sent - 16])
  assert.deepEqual([taken.failed, taken.expected], [16, 0])
  assert.match(Object.keys(taken.reasons)[0] ?? '', /a component request got 200, not 422/)
})

test('play, giving up, closes each connection when the request is out, and calls it neither acked nor failed', async (t) => {
  const { url, got } = await listen(t, () => {})

  const report = await play({
    url,
    seed: 1,
    flows: ['6c'],
    disturbances: { ...undisturbed, giveUp: 1 },
    giveUpAfterMs: 20,
  })

  assert.deepEqual([report.sent, report.acked, report.failed, report.gaveUp], [2, 0, 0, 2])
  await waitFor(() => got.length === 2 && got.every((webhook) => webhook.aborted), { what: 'both to be closed' })
})

test('play, with credentials, sends HTTP Basic with every webhook', async (t) => {
  const { url, got } = await listen(t)

  await play({ url, seed: 1, flows: ['6c'], credentials: { user: 'simotel', pass: 'p:ss' } })

  const expected = `Basic ${Buffer.from('simotel:p:ss').toString('base64')}`
  assert.deepEqual(
    got.map((webhook) => webhook.authorization),
    [expected, expected],
  )
})

test('play, with a rate, never has more webhooks out than the rate allows since the start', async (t) => {
  const { url, got } = await listen(t)
  const startedAt = performance.now()

  await play({ url, seed: 1, calls: 3, eventsPerCall: 5, rate: 100 })

  assert.equal(got.length, 15)
  for (const [index, webhook] of got.entries()) assert.ok(webhook.at - startedAt >= index * 10 - 2, `number ${index}`)
})

test('play, in call time, sends nothing before its time divided by the speed', async (t) => {
  const { url, got } = await listen(t)
  const plan = { url, seed: 1, calls: 6, flows: ['3', '6'], marks: true, gapSeconds: 2 } as const
  const due = new Map(
    [...planCalls(planOf(plan))].flatMap((call) =>
      call.webhooks.map((webhook) => [webhook.request.body, (call.startsAt + webhook.t) * 10] as const),
    ),
  )
  const startedAt = performance.now()

  await play({ ...plan, speed: 100 })

  assert.equal(got.length, due.size)
  for (const webhook of got)
    assert.ok(webhook.at - startedAt >= (due.get(webhook.body) ?? Number.NaN) - 2, webhook.body)
})

test('play, when nothing listens, stops at once and says where and what to do', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))

  await assert.rejects(play({ url: `http://127.0.0.1:${port}/simotel/?api_key=1` }), (error) => {
    assert.ok(error instanceof NothingListensError)
    assert.match(error.message, new RegExp(`^Nothing listens at http://127.0.0.1:${port}/simotel/\\?… .*npm run up`))
    return true
  })
})

test('play, when the server goes away in between, counts what failed and plays to the end', async () => {
  const server = createServer((request, response) => {
    server.close()
    response.setHeader('connection', 'close')
    request.resume().on('end', () => response.end('{"ok":true}'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const report = await play({ url: `http://127.0.0.1:${port}/`, seed: 1, flows: ['3'], concurrency: 1 })

  assert.deepEqual([report.calls, report.sent, report.acked, report.failed], [1, 4, 1, 3])
  assert.match(Object.keys(report.reasons)[0] ?? '', /ECONNREFUSED/)
})

test('play, when aborted, waits for the answer under way and sends nothing more', async (t) => {
  const stop = new AbortController()
  const { url, got } = await listen(t, (webhook, response, request) => {
    stop.abort()
    ack(webhook, response, request)
  })

  const report = await play({ url, seed: 1, concurrency: 1, signal: stop.signal })

  assert.deepEqual([got.length, report.sent, report.acked, report.calls, report.stopped], [1, 1, 1, 0, true])
})

/** The command line as `npm run simulate` starts it. */
function simulate(t: TestContext, ...argv: readonly string[]) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const child: ChildProcess = spawn(
    process.execPath,
    ['-C', 'source', '--import', 'tsx', 'scripts/simulate.ts', ...argv],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.after(() => child.kill('SIGKILL'))
  const output = { out: '', err: '' }
  child.stdout?.on('data', (part) => {
    output.out += part
  })
  child.stderr?.on('data', (part) => {
    output.err += part
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return { child, ended }
}

test('the simulator, on SIGINT in the middle of a run, prints its summary and exits 0', async (t) => {
  const { url, got } = await listen(t)
  const { child, ended } = simulate(t, '--url', url, '--speed', '1', '--calls', '100', '--gap', '0.05')
  await waitFor(() => got.length >= 3)

  child.kill('SIGINT')
  const { code, out, err } = await ended

  assert.equal(code, 0)
  assert.match(
    out,
    new RegExp(`^stopped before the end\\ncalls .*\\nsent {4}${got.length}\\nacked {3}${got.length}\\nfailed {2}0`),
  )
  assert.match(err, /^Playing 100 calls to http:.* at 1 times call time\. Again: --seed \d+ --base-time \d+\n/)
})

test('the simulator, on a SIGINT that comes twice at once, still waits for the answer under way', async (t) => {
  const { url, got } = await listen(t, () => {})
  const { child, ended } = simulate(t, '--url', url, '--calls', '1', '--timeout', '1500')
  await waitFor(() => got.length === 1)

  child.kill('SIGINT')
  child.kill('SIGINT')
  const { code, out } = await ended

  assert.equal(code, 1)
  assert.match(out, /^stopped before the end\n[\s\S]*1 x no answer within 1500 ms/)
})

test('the simulator, with --json and refusals, prints one JSON object and exits 1', async (t) => {
  const { url } = await listen(t, (_got, response) => {
    response.statusCode = 401
    response.end()
  })

  const { code, out, err } = await simulate(t, '--url', url, '--flow', '6c', '--json', '--quiet').ended

  assert.equal(code, 1)
  const summary = JSON.parse(out)
  assert.deepEqual([summary.sent, summary.acked, summary.failed, summary.ackMs], [2, 0, 2, null])
  assert.equal(err, '')
})

test('the simulator, with wrong options, says each in a sentence and exits 2; with nothing listening exits 1', async (t) => {
  const [wrong, nobody] = await Promise.all([
    simulate(t, '--rate', 'fast').ended,
    simulate(t, '--url', 'http://127.0.0.1:1/').ended,
  ])

  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /^--rate fast is not accepted: .*\.\nSay where to send.*\.\n$/)
  assert.equal(nobody.code, 1)
  assert.match(nobody.err, /Nothing listens at http:\/\/127\.0\.0\.1:1\/ .*`npm run up`/)
  assert.equal(nobody.out, '')
})
