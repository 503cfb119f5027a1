/**
 * Redis over TLS, with an account: events go through a real ingress and a real worker; what cannot work is one clear line, and
 * the events are in the spool.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Bridge, type Ingress, listening, startBridge } from '../support/bridge.ts'
import { selfSigned } from '../support/certificate.ts'
import { post } from '../support/load.ts'
import { freePort, inspect } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

type Scene = { readonly bridge: Bridge; readonly url: string; readonly ca: string; readonly otherCa: string }

/** A Redis that speaks TLS on a port of its own; `url` has the account of its only user but the default one. */
async function scene(t: TestContext): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-tls-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = async (name: string, text: string) => {
    await writeFile(join(dir, name), text)
    return join(dir, name)
  }
  const own = selfSigned('redis.test')
  const ca = await file('ca.pem', own.certificate)
  const key = await file('key.pem', own.key)
  const otherCa = await file('other.pem', selfSigned('redis.test').certificate)
  const port = await freePort()
  const redisArgs = [
    '--tls-port',
    String(port),
    '--tls-cert-file',
    ca,
    '--tls-key-file',
    key,
    '--tls-auth-clients',
    'no',
  ]
  const bridge = await startBridge(t, { redisArgs })
  const rights = [`~{${bridge.prefix}:*`, '+@all', '-@dangerous', '+info', '+config|get']
  await inspect(t, bridge.redis.url).call('ACL', 'SETUSER', 'bridge', 'on', '>p@ss/word', ...rights)
  return { bridge, url: `rediss://bridge:p%40ss%2Fword@127.0.0.1:${port}`, ca, otherCa }
}

async function send(ingress: Ingress, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  for (let number = 0; number < count; number += 1) {
    const body = JSON.stringify({
      event_name: 'NewState',
      unique_id: `1.${number % 3}`,
      state: 'Up',
      exten: '200',
      number,
    })
    const answer = await post(agent, ingress.port, body)
    assert.equal(answer.status, 200)
  }
  agent.destroy()
}

const away = (line: Readonly<Record<string, unknown>>) => line['msg'] === 'redis is not reachable, trying again'

test('tls, with the authority and an account in the URL, carries events from the ingress to a worker', async (t) => {
  const { bridge, url, ca } = await scene(t)
  const env = { REDIS_URL: url, REDIS_TLS_CA: ca }
  const ingress = await listening(await bridge.ingress(env))
  bridge.worker(env)
  await waitFor(async () => (await ingress.readyz())?.redis.ready)

  await send(ingress, 12)
  await bridge.settled([ingress])

  assert.equal(bridge.verdict({ acked: new Map(), refused: new Map(), broken: new Map(), acks: [] }).done, 12)
  assert.deepEqual(await inspect(t, bridge.redis.url).call('ACL', 'LOG'), [])
})

const mistakes: readonly (readonly [what: string, change: (s: Scene) => Record<string, string>, says: RegExp])[] = [
  [
    'with another authority',
    ({ url, otherCa }) => ({ REDIS_URL: url, REDIS_TLS_CA: otherCa }),
    /signed by nobody known here: give its authority in REDIS_TLS_CA$/,
  ],
  [
    'without an authority',
    ({ url }) => ({ REDIS_URL: url }),
    /signed by nobody known here: give its authority in REDIS_TLS_CA$/,
  ],
  [
    'by a name that the certificate does not have',
    ({ url, ca }) => ({ REDIS_URL: url.replace('127.0.0.1', 'localhost'), REDIS_TLS_CA: ca }),
    /certificate is for another name or address than the one it is reached by$/,
  ],
  [
    'with a wrong password',
    ({ url, ca }) => ({ REDIS_URL: url.replace('p%40ss', 'wrong'), REDIS_TLS_CA: ca }),
    /^WRONGPASS .*: it refuses user and password: look at those in REDIS_URL$/,
  ],
  [
    'forgotten on a port that wants it',
    ({ url }) => ({ REDIS_URL: url.replace('rediss:', 'redis:') }),
    /does this port want TLS \(rediss:\/\/\)\?$/,
  ],
]

for (const [what, change, says] of mistakes) {
  test(`tls, ${what}, is one line that says what to do, and events wait in the spool`, async (t) => {
    const s = await scene(t)
    const ingress = await listening(await s.bridge.ingress(change(s)))
    const worker = s.bridge.worker(change(s))

    await send(ingress, 3)
    const line = await ingress.line(away)
    const workersLine = await worker.line(away)

    assert.match(String(line['error']), says)
    assert.match(String(workersLine['error']), says)
    const said = JSON.stringify([ingress.lines, worker.lines])
    assert.doesNotMatch(said, /p@ss|p%40ss/)
    assert.equal((await ingress.readyz())?.spool['events'], 3)
    const errors = ingress.lines.filter(away).map(({ error }) => error)
    assert.equal(new Set(errors).size, errors.length, 'a line per try')

    ingress.kill('SIGTERM')
    worker.kill('SIGTERM')
    assert.deepEqual(await Promise.all([ingress.exit, worker.exit]), [0, 0])
  })
}

test('tls, with a file of the authority that is not there, stops the start with one sentence', async (t) => {
  const { bridge, url } = await scene(t)
  const env = { REDIS_URL: url, REDIS_TLS_CA: '/nowhere/ca.pem' }
  const ingress = await bridge.ingress(env)
  const worker = bridge.worker(env)

  assert.deepEqual(await Promise.all([ingress.exit, worker.exit]), [1, 1])
  for (const { line } of [ingress, worker])
    await line(({ text }) => text === '  REDIS_TLS_CA=/nowhere/ca.pem cannot be read (ENOENT).')
})
