/**
 * Rows of hostile and broken clients, on a real ingress process: nothing of theirs ends it, slows it or fills it, and what they
 * were told is kept is kept.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decode } from '../../src/event/stored.ts'
import { shardKeys } from '../../src/queue/keys.ts'
import { loadPayloads } from '../fixtures/payloads.ts'
import { wireForms } from '../fixtures/wire-forms.ts'
import { type BridgeOptions, listening, startBridge } from '../support/bridge.ts'
import type { Drip } from '../support/dripping.ts'
import {
  answersIn,
  chance,
  eventsIn,
  loopTimeOf,
  mutated,
  postOf,
  requestOf,
  rssOf,
  sendBytes,
} from '../support/hostile.ts'
import { ackTimes, startLoad, total } from '../support/load.ts'
import { inspect } from '../support/redis.ts'
import { faultRow } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair).toString('base64')}\r\n`
const account = { SIMOTEL_USERNAME: 'pbx', SIMOTEL_PASSWORD: 'right-pass' }

async function scene(t: TestContext, options: BridgeOptions = {}) {
  const bridge = await startBridge(t, options)
  const ingress = await listening(await bridge.ingress())
  await waitFor(async () => (await ingress.readyz())?.redis.ready)
  const redis = inspect(t, bridge.redis.url)
  const keys = shardKeys(bridge.prefix, 0)
  return {
    bridge,
    ingress,
    redis,
    port: ingress.port,
    kept: () => eventsIn(redis, bridge.prefix),
    /** The raw webhook of an event at the head of its lane. */
    rawOf: async (eventId: string) => {
      const data = await redis.hget(keys.job(eventId), 'data')
      return data === null ? undefined : decode(JSON.parse(data))
    },
  }
}

const statusOf = (received: string) => answersIn(received).statuses[0] ?? 0
const count = <T>(values: readonly T[], isIt: (value: T) => boolean) => values.filter(isIt).length

faultRow('Body too large', '413, one line in the log, and nothing of it stays in memory', async (t, row) => {
  const { ingress, port, kept } = await scene(t)
  const plain = postOf(Buffer.alloc(2_000_000, 'x'))
  const chunk = `fa00\r\n${'x'.repeat(64_000)}\r\n`
  const chunked = `POST /simotel/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(31)}3e80\r\n${'x'.repeat(16_000)}\r\n0\r\n\r\n`
  const round = async () => {
    const sent = Array.from({ length: 5 }, () => [sendBytes(port, plain), sendBytes(port, chunked)]).flat()
    return (await Promise.all(sent)).map(statusOf)
  }
  const statuses = await round()
  const before = rssOf(ingress.pid)

  for (let n = 0; n < row.pick(2, 20); n += 1) statuses.push(...(await round()))

  row.fact(
    'other than 413',
    count(statuses, (status) => status !== 413),
    0,
  )
  row.fact('kept', (await kept()).size, 0)
  await ingress.line(({ msg }) => msg === 'webhook refused: body over MAX_BODY_BYTES')
  row.fact('next webhook', statusOf(await sendBytes(port, postOf('cuid=1.2'))), 200)
  row.figure('RSS change', rssOf(ingress.pid) - before, { below: 50, unit: 'MB' })
})

faultRow('Deep JSON, __proto__', 'kept raw as Unknown, 200, and the loop turns meanwhile', async (t, row) => {
  const { ingress, port, rawOf } = await scene(t)
  const deep = [
    '['.repeat(30_000),
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`,
    `{"event_name":"Cdr","x":${'['.repeat(500_000)}}`,
    `{"event_name":"Cdr","x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    '(['.repeat(30_000),
    `api_data=${'['.repeat(30_000)}`,
    `x${'[a]'.repeat(30_000)}=1`,
    JSON.stringify('['.repeat(30_000)),
  ]
  const polluting = [
    '{"__proto__":{"isPolluted":true},"event_name":"NewState"}',
    '{"constructor":{"prototype":{"isPolluted":true}}}',
    '__proto__[isPolluted]=true&constructor[prototype][isPolluted]=true',
    "{'__proto__': {'isPolluted': True}}",
    '{"api_data":{"__proto__":{"isPolluted":true}}}',
  ]
  const bodies = [...deep, ...polluting]
  const answers: ReturnType<typeof answersIn>[] = []
  const blockedMs: number[][] = bodies.map(() => [])

  for (let n = 0; n < row.pick(1, 20); n += 1) {
    for (const [at, body] of bodies.entries()) {
      const before = loopTimeOf(ingress.pid)
      answers.push(answersIn(await sendBytes(port, postOf(body))))
      const after = loopTimeOf(ingress.pid)
      if (before !== undefined && after !== undefined) blockedMs[at]?.push(after - before)
    }
  }

  row.fact('other than 200', answers.filter(({ statuses }) => statuses[0] !== 200).length, 0)
  const events = await Promise.all(answers.map(({ eventIds }) => rawOf(eventIds[0] ?? '')))
  const isDeep = (at: number) => at % bodies.length < deep.length
  row.fact('deep and not Unknown', events.filter((event, at) => isDeep(at) && event?.name !== 'Unknown').length, 0)
  row.fact(
    'not kept byte for byte',
    events.filter((event, at) => event?.raw.body !== bodies[at % bodies.length]).length,
    0,
  )
  // The median of each body's rounds: what a busy machine adds to one of them says nothing of the body.
  const medians = blockedMs.flatMap((times) => times.sort((one, other) => one - other)[times.length >> 1] ?? [])
  if (medians.length > 0) row.figure('loop blocked', Math.max(...medians), { below: 20, unit: 'ms' })
})

faultRow('Bad UTF-8, odd content type, gzip, repeated keys', 'every byte is kept, 200', async (t, row) => {
  const { port, rawOf } = await scene(t, { env: account })
  const utf8 = Buffer.from('{"event_name":"Cdr","src":"سلام"}')
  const bodies = [
    Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28]),
    Buffer.concat([Buffer.from('{"event_name":"Cdr","src":"'), Buffer.from([0xe2, 0x28, 0xa1]), Buffer.from('"}')]),
    gzipSync(utf8),
    utf8,
    Buffer.from('event_name=Cdr&event_name=NewState&src=1&src=2&src[]=3'),
    Buffer.from('{"event_name":"Cdr","event_name":"NewState","src":"1","src":"2"}'),
    Buffer.from([0]),
  ]
  const types = [
    '',
    'application/json',
    'text/html; charset=utf-16',
    '///',
    ';;;',
    'multipart/form-data',
    'application/x-www-form-urlencoded; charset=x',
    'x'.repeat(8_000),
  ]
  const encodings = ['', 'Content-Encoding: gzip\r\n', 'Content-Encoding: br, nonsense\r\n']
  const sent = bodies.flatMap((body) =>
    types.flatMap((type) => encodings.map((encoding) => ({ body, type, encoding }))),
  )

  const different: string[] = []
  let refused = 0
  for (const { body, type, encoding } of sent) {
    const head = `${basic('pbx:right-pass')}${type && `Content-Type: ${type}\r\n`}${encoding}`
    const { statuses, eventIds } = answersIn(await sendBytes(port, postOf(body, head)))
    if (statuses[0] !== 200) refused += 1
    const raw = (await rawOf(eventIds[0] ?? ''))?.raw
    if (raw === undefined || raw.contentType !== type || !Buffer.from(raw.body, raw.bodyEncoding).equals(body))
      different.push(`${type} ${encoding} ${body.toString('latin1')}`)
  }

  row.fact('other than 200', refused, 0)
  row.fact('not kept byte for byte', different.length, 0)
})

faultRow('Wrong credentials', '401, nothing stored, throttled per address; right ones always pass', async (t, row) => {
  const { ingress, port, kept } = await scene(t, { env: account })
  const guess = (n: number, from = '127.0.0.1') =>
    sendBytes(port, postOf('cuid=1.2&src=0912', basic(`pbx:guess-${n}`)), { from }).then(statusOf)
  const wrong: number[] = []
  const right: number[] = []

  for (let n = 0; n < row.pick(60, 2_000); n += 1) {
    wrong.push(await guess(n))
    if (n % 10 === 0) right.push(statusOf(await sendBytes(port, postOf(`cuid=2.${n}`, basic('pbx:right-pass')))))
  }

  row.fact(
    '401',
    count(wrong.slice(0, 20), (status) => status === 401),
    20,
  )
  row.fact(
    'then 429',
    count(wrong.slice(20), (status) => status === 429 || status === 401),
    wrong.length - 20,
  )
  row.fact('429 at once', wrong[20] === 429, true)
  row.fact(
    'right ones refused',
    count(right, (status) => status !== 200),
    0,
  )
  row.fact('stored beside the right ones', (await kept()).size - right.length, 0)
  // Only Linux has the whole of 127.0.0.0/8 without being told.
  if (process.platform === 'linux') row.fact('another address', await guess(0, '127.0.0.2'), 401)
  row.fact('passwords in the log', /guess|right-pass|cGJ4/.test(JSON.stringify(ingress.lines)), false)
})

faultRow('Slow clients', '408, and the others do not wait for them', async (t, row) => {
  const { port } = await scene(t)
  const load = startLoad({ ports: () => [port], perSecond: 100, lanes: 50 })
  const more = async (events: number) => {
    const goal = load.count() + events
    await waitFor(() => load.count() >= goal, { limitMs: 60_000 })
  }
  const options = ['-C', 'source', '--import', 'tsx', 'test/support/dripping.ts']
  const args = [...options, String(port), String(row.pick(100, 300)), String(row.pick(1, 6))]
  const dripping = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => dripping.kill('SIGKILL'))
  const lines = createInterface({ input: dripping.stdout })[Symbol.asyncIterator]()
  // It takes a core while it loads, and the first events find an ingress that has just started: neither is what is measured.
  await lines.next()
  await more(row.pick(20, 500))
  const usualFrom = performance.now()
  await more(row.pick(50, 1_500))
  const began = performance.now()
  dripping.stdin.end()
  // Nothing to parse if it died: then nothing was measured.
  const { value = '' } = await lines.next()
  const drips = JSON.parse(value) as Drip[]
  const ended = performance.now()
  const sent = await load.stop()

  row.fact(
    'other than 408',
    count(drips, ({ status }) => status !== 408),
    0,
  )
  row.fact('webhooks refused', total(sent.refused) + total(sent.broken), 0)
  row.figure('408 after', Math.max(...drips.map(({ tookMs }) => tookMs)) / 1_000, { atMost: 2.5, unit: 's' })
  const usual = ackTimes(sent, usualFrom, began).p99Ms
  row.figure('usual p99', usual, { atLeast: 0, unit: 'ms' })
  row.figure('p99 beside them', ackTimes(sent, began, ended).p99Ms / usual, { below: 2, unit: 'x' })
})

faultRow('Client closes before the reply', 'the event is kept', async (t, row) => {
  const { ingress, redis, bridge, port } = await scene(t)
  const sent = row.pick(300, 5_000)
  const leave = (n: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {}).on('close', () => resolve())
      // Flushed to the kernel, and gone before an answer can be there.
      socket.write(postOf(`event_name=Cdr&cuid=7.${n}`), () => socket.destroy())
    })

  for (let n = 0; n < sent; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => leave(n + i)))

  const keys = shardKeys(bridge.prefix, 0)
  await waitFor(async () => (await redis.hlen(keys.heads)) === sent, { what: 'all of them are in Redis' }).catch(
    () => {},
  )
  row.fact('kept', await redis.hlen(keys.heads), sent)
  row.fact(
    'errors in the log',
    count(ingress.lines, ({ level }) => level === 'error'),
    0,
  )
})

faultRow(
  'Random bytes',
  'no 5xx, no crash, no memory without end, and what was acknowledged is kept',
  async (t, row) => {
    const { ingress, port, kept } = await scene(t)
    const seed = Number(process.env['FUZZ_SEED'] || Math.floor(Math.random() * 2 ** 31))
    const asked = Number(process.env['FUZZ_RUNS'] || 0)
    // Each run takes a port of this machine for a minute; it has about 28,000.
    const runs = asked || 20_000
    t.diagnostic(`FUZZ_SEED=${seed}`)
    const forms = loadPayloads().flatMap(({ raw, fields }) => [
      raw,
      ...(fields === undefined ? [] : wireForms(fields, raw.path).map(([, form]) => form)),
    ])
    const heads = [
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'GET /simotel/ HTTP/1.1\r\nHost: a\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\n\r\n',
      'POST /simotel/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'POST /simotel/ HTTP/1.1\r\nExpect: 100-continue\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc',
      'HEAD /readyz HTTP/1.0\r\n\r\n',
      '*1\r\n$4\r\nPING\r\n',
    ].map((text) => Buffer.from(text, 'latin1'))
    const acked = new Set<string>()
    const wrong: string[] = []

    /** Each run has its own chance, so that one can be had again without those before it. */
    const play = async (run: number) => {
      const random = chance(seed + run)
      const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
      const form = pick(forms)
      const kind = random()
      // A body changed: a request as good as any, so it must be taken. Else anything may come, and only 5xx is wrong.
      const isRequest = kind < 0.6
      const bytes = isRequest
        ? random() < 0.5 || form.method === 'GET'
          ? requestOf({ ...form, query: mutated(Buffer.from(form.query), random).toString('latin1') })
          : postOf(
              mutated(Buffer.from(form.body), random),
              `Content-Type: ${form.contentType || 'x'}\r\n`,
              `/simotel${form.path}`,
            )
        : kind < 0.85
          ? mutated(kind < 0.75 ? requestOf(form) : pick(heads), random)
          : Buffer.from(Array.from({ length: Math.floor(random() * 3_000) }, () => Math.floor(random() * 256)))
      const { statuses, eventIds } = answersIn(await sendBytes(port, bytes, { isEnded: !isRequest, limitMs: 5_000 }))
      for (const eventId of eventIds) acked.add(eventId)
      // A long text in a query, percent-encoded, may grow over the limit of a head.
      const isTaken = statuses[0] === 200 || statuses[0] === 422 || (statuses[0] === 431 && bytes.length > 60_000)
      const isWrong = isRequest ? !isTaken : statuses.some((status) => status >= 500)
      if (isWrong) wrong.push(`run ${run}: ${statuses} to ${bytes.toString('latin1').slice(0, 500)}`)
    }
    for (let run = 0; run < 200; run += 20) await Promise.all(Array.from({ length: 20 }, (_, i) => play(run + i)))
    const before = rssOf(ingress.pid)
    const end = performance.now() + row.pick(5_000, 60_000)
    let done = 200
    const players = Array.from({ length: 16 }, async () => {
      while (done < runs && (performance.now() < end || asked > 0)) await play(done++)
    })
    await Promise.all(players)

    for (const text of wrong.slice(0, 5)) t.diagnostic(text)
    row.figure('runs', done, { atLeast: 1 })
    row.fact('answers that must not be', wrong.length, 0)
    row.fact('alive', statusOf(await sendBytes(port, postOf('cuid=1.2'))), 200)
    row.fact(
      'errors in the log',
      count(ingress.lines, ({ level }) => level === 'error' || level === 'fatal'),
      0,
    )
    const found = await kept()
    row.fact(
      'acknowledged and not kept',
      count([...acked], (eventId) => !found.has(eventId)),
      0,
    )
    row.fact('some acknowledged', acked.size > 100, true)
    row.figure('RSS change', rssOf(ingress.pid) - before, { below: 100, unit: 'MB' })
  },
)
