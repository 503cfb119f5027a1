/**
 * deploy/nginx/bridge.conf, run by a real nginx before two real ingress processes; only what it marks CHANGE is changed.
 * The clients are 127.0.0.2 (the PBX) and 127.0.0.3, which Linux has without being told.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { testProgram } from '../../scripts/bootstrap/test-programs.ts'
import { decode } from '../../src/event/stored.ts'
import { shardKeys } from '../../src/queue/keys.ts'
import { type Bridge, type Ingress, listening, startBridge } from '../support/bridge.ts'
import { selfSigned } from '../support/certificate.ts'
import { freePort, inspect } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const pbx = '127.0.0.2'
const stranger = '127.0.0.3'
const nginx =
  process.platform === 'linux'
    ? await testProgram('nginx', process.env, console.log)
    : { path: undefined, why: 'needs the addresses that Linux has on its loopback' }
/** With CI set, what cannot be run is an error: the tests run, and fail at their start. */
const skip = nginx.path === undefined && !process.env['CI'] ? `NOT RUN: ${nginx.why}` : false

type Answer = { readonly status: number; readonly body: string }

type Proxy = {
  readonly port: number
  /** Sends one request over TLS from an address. Rejects if there is no whole answer. */
  send(
    from: string,
    path: string,
    options?: { body?: string | Buffer; headers?: Record<string, string> },
  ): Promise<Answer>
  /** All that nginx has written into its logs. */
  log(): string
}

/** Runs the file before these two ports; ended with the test. */
async function startNginx(t: TestContext, upstreams: readonly [number, number]): Promise<Proxy> {
  assert.ok(nginx.path !== undefined, nginx.path === undefined ? nginx.why : '')
  const dir = mkdtempSync(join(tmpdir(), 'bridge-nginx-'))
  const at = (name: string) => join(dir, name)
  const port = await freePort()
  const { certificate, key } = selfSigned('bridge.example')
  writeFileSync(at('fullchain.pem'), certificate)
  writeFileSync(at('privkey.pem'), key)
  const changes: readonly [string, string][] = [
    ['127.0.0.1:3000', `127.0.0.1:${upstreams[0]}`],
    ['127.0.0.1:3010', `127.0.0.1:${upstreams[1]}`],
    ['192.0.2.10 0;', `${pbx} 0;`],
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['/etc/ssl/bridge/fullchain.pem', at('fullchain.pem')],
    ['/etc/ssl/bridge/privkey.pem', at('privkey.pem')],
    ['/var/log/nginx/bridge.log', at('access.log')],
    ['/var/log/nginx/bridge-error.log', at('error.log')],
  ]
  let text = readFileSync('deploy/nginx/bridge.conf', 'utf8')
  for (const [from, to] of changes) {
    // The first line of the file's comment names an address as well; every mention may change.
    assert.ok(text.includes(from), `deploy/nginx/bridge.conf has no ${from}`)
    text = text.replaceAll(from, to)
  }
  writeFileSync(at('bridge.conf'), text)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${at(kind)};`)
  writeFileSync(
    at('nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 2; pid ${at('pid')}; error_log ${at('start.log')};
events {} http { ${temporary.join(' ')} include ${at('bridge.conf')}; }`,
  )
  const child = spawn(nginx.path, ['-p', dir, '-c', at('nginx.conf'), '-e', at('start.log')], { stdio: 'ignore' })
  const exit = once(child, 'exit')
  const agents = new Map<string, Agent>()
  t.after(async () => {
    for (const agent of agents.values()) agent.destroy()
    if (child.exitCode === null) child.kill('SIGTERM')
    await exit
    rmSync(dir, { recursive: true, force: true })
  })
  const read = (name: string) => readFileSync(at(name), { encoding: 'utf8', flag: 'a+' })

  const proxy: Proxy = {
    port,
    send(from, path, { body, headers = {} } = {}) {
      const agent = agents.get(from) ?? new Agent({ keepAlive: true, maxSockets: 64, localAddress: from })
      agents.set(from, agent)
      return new Promise((resolve, reject) => {
        const outgoing = request({
          agent,
          host: '127.0.0.1',
          port,
          path,
          method: body === undefined ? 'GET' : 'POST',
          ca: certificate,
          servername: 'bridge.example',
          headers: { host: 'bridge.example', ...headers },
        })
        outgoing.on('error', reject)
        outgoing.on('response', (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          response.on('error', reject)
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
        })
        outgoing.end(body)
      })
    },
    log: () => read('access.log') + read('error.log'),
  }
  await waitFor(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${read('start.log')}`)
    return (await proxy.send(pbx, '/').catch(() => undefined))?.status === 404
  })
  return proxy
}

const behindProxy = { TRUST_PROXY: '127.0.0.1', ALLOWED_IPS: `${pbx},127.0.0.1` }
const eventIdOf = ({ body }: Answer) => (JSON.parse(body) as { eventId: string }).eventId

async function scene(t: TestContext, env: Record<string, string> = behindProxy) {
  const bridge = await startBridge(t, { env })
  const ingresses = [await bridge.ingress(), await bridge.ingress()] as const
  for (const ingress of ingresses) await listening(ingress)
  const proxy = await startNginx(t, [ingresses[0].port, ingresses[1].port])
  return { bridge, ingresses, proxy }
}

/** The event that stands in Redis under this id. */
async function stored(t: TestContext, { redis, prefix }: Bridge, eventId: string) {
  const data = await waitFor(() => inspect(t, redis.url).hget(shardKeys(prefix, 0).job(eventId), 'data'))
  return decode(JSON.parse(data))
}

test('proxy, given webhooks over https, hands them on byte for byte with the address of their sender', {
  skip,
}, async (t) => {
  const { bridge, ingresses, proxy } = await scene(t)
  const long = `x=${'9'.repeat(40_000)}`
  const largest = `cuid=1.4&x=${'x'.repeat(1_048_576 - 11)}`

  const taken = await proxy.send(pbx, '/simotel/%41//Cdr?a=%2f', { body: 'cuid=1.2&src=09120000101' })
  const byGet = await proxy.send(pbx, `/simotel/Cdr?cuid=1.3&src=09120000101&${long}`)
  const large = await proxy.send(pbx, '/simotel/', { body: largest })
  const tooLarge = await proxy.send(pbx, '/simotel/', { body: `${largest}x` })
  const forged = await proxy.send(stranger, '/simotel/', { body: 'cuid=1.2', headers: { 'x-forwarded-for': pbx } })
  const elsewhere = await proxy.send(pbx, '/readyz')

  assert.deepEqual(
    [taken, byGet, large, tooLarge, forged, elsewhere].map(({ status }) => status),
    [200, 200, 200, 413, 403, 404],
  )
  assert.match(forged.body, /BRIDGE_FORBIDDEN/)
  const { raw } = await stored(t, bridge, eventIdOf(taken))
  assert.deepEqual([raw.path, raw.query, raw.body], ['/%41//Cdr', 'a=%2f', 'cuid=1.2&src=09120000101'])
  assert.ok((await stored(t, bridge, eventIdOf(byGet))).raw.query.endsWith(long))
  const seen = ingresses.flatMap(({ lines }) => lines.filter(({ msg }) => msg === 'first webhook of this source'))
  assert.ok(seen.length > 0 && seen.every(({ from }) => from === pbx), JSON.stringify(seen))
  await waitFor(() => proxy.log().includes(' 403 '))
  assert.doesNotMatch(proxy.log(), /0912|cuid/)
})

test('proxy, when each ingress in turn is stopped and started under load, fails no webhook', { skip }, async (t) => {
  const { bridge, ingresses, proxy } = await scene(t)
  const acked: string[] = []
  const failed: string[] = []
  let isOver = false
  const lanes = Array.from({ length: 12 }, async (_, lane) => {
    for (let n = 0; !isOver; n++) {
      const answer = await proxy
        .send(pbx, '/simotel/', { body: `event_name=Cdr&cuid=${lane}.1&n=${n}` })
        .catch((error: Error) => ({ status: 0, body: error.message }))
      if (answer.status === 200) acked.push(eventIdOf(answer))
      else failed.push(`${answer.status} ${answer.body}`)
    }
  })
  const more = async (count: number) => {
    const goal = acked.length + count
    await waitFor(() => acked.length >= goal || failed.length > 0)
  }

  const running: Ingress[] = [...ingresses]
  for (const at of [0, 1]) {
    await more(50)
    running[at]!.kill('SIGTERM')
    assert.equal(await running[at]!.exit, 0)
    await more(50)
    running[at] = await listening(await bridge.ingress({}, ingresses[at]!.port))
  }
  await more(50)
  isOver = true
  await Promise.all(lanes)

  assert.deepEqual(failed, [])
  for (const { readyz } of running) await waitFor(async () => (await readyz())?.spool.isEmpty)
  const { call } = shardKeys(bridge.prefix, 0)
  const redis = inspect(t, bridge.redis.url)
  const kept = await Promise.all(lanes.map((_, lane) => redis.zrange(call(`default/call:${lane}.1`), '0', '-1')))
  assert.deepEqual(kept.flat().sort(), acked.sort())
})

test('proxy, given a POST that an ingress took without an answer, does not send it again', { skip }, async (t) => {
  const bridge = await startBridge(t, { env: behindProxy })
  const ingress = await listening(await bridge.ingress())
  let requests = 0
  const dying = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      requests += 1
      socket.destroy()
    })
  })
  dying.listen(0, '127.0.0.1')
  await once(dying, 'listening')
  t.after(() => dying.close())
  const { port } = dying.address() as { port: number }
  const proxy = await startNginx(t, [port, ingress.port])

  const answers: Answer[] = []
  while (requests < 3) answers.push(await proxy.send(pbx, '/simotel/', { body: `cuid=1.${answers.length}` }))

  const acked = answers.filter(({ status }) => status === 200)
  assert.equal(answers.filter(({ status }) => status === 502).length, 3)
  assert.equal(acked.length, answers.length - 3)
  const events = await inspect(t, bridge.redis.url).keys(`{${bridge.prefix}:0}:call:*`)
  assert.equal(events.length, acked.length, 'what was answered 502 reached the other ingress, too')
})

test('proxy, when the sender leaves before the answer, hands on what it had sent', { skip }, async (t) => {
  const { bridge, proxy } = await scene(t)
  const redis = inspect(t, bridge.redis.url)

  for (let n = 0; n < 20; n++) {
    const socket = connect({
      host: '127.0.0.1',
      port: proxy.port,
      localAddress: pbx,
      rejectUnauthorized: false,
    } as never)
    await once(socket, 'secureConnect')
    const body = `cuid=7.${n}`
    const head = `POST /simotel/ HTTP/1.1\r\nHost: bridge.example\r\nContent-Length: ${body.length}\r\n\r\n`
    await new Promise((resolve) => socket.write(head + body, resolve))
    socket.destroy()
  }

  const keys = shardKeys(bridge.prefix, 0)
  await waitFor(async () => (await redis.hlen(keys.heads)) === 20, { what: 'all 20 events are in Redis' })
})

test('proxy, given a flood of a stranger, answers it 429 and the PBX 200', { skip }, async (t) => {
  const { proxy } = await scene(t, { ...behindProxy, ALLOWED_IPS: '127.0.0.0/8' })
  let statuses: number[] = []
  const flood = async (from: string) =>
    (statuses = await Promise.all(
      Array.from({ length: 1_500 }, async () => (await proxy.send(from, '/simotel/')).status),
    ))

  await flood(stranger)
  assert.ok(statuses.includes(429))
  assert.ok(statuses.every((status) => status === 200 || status === 429))

  await flood(pbx)
  assert.ok(statuses.every((status) => status === 200))
})
