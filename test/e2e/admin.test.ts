/**
 * The admin as a process: the password it makes, what it knows of the other processes, an absent Redis, its end.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { basic } from '../support/admin.ts'
import { startProcess } from '../support/processes.ts'
import { cleanUp, freePort, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

/** Reached by this machine only, and not taken for loopback: so a password is needed. */
const ADMIN_HOST = '::ffff:127.0.0.1'

type Overview = { readonly workers: number; readonly processes: readonly Record<string, unknown>[] }

test('admin off loopback, started twice, prints the password it made once, and takes it ever after', async (t) => {
  const port = await freePort()
  const env = { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: uniquePrefix(), ADMIN_HOST, ADMIN_PORT: String(port) }
  cleanUp(t, env.KEY_PREFIX)
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${port}/api/overview`, { headers })).status

  const first = startProcess(t, 'admin', env)
  const { username, secret } = await first.line(({ secret: told }) => typeof told === 'string')
  await first.line(({ msg }) => msg === 'admin ready')
  const right = basic(String(username), String(secret))
  assert.deepEqual([await ask({}), await ask(basic('admin', 'guess')), await ask(right)], [401, 401, 200])
  first.kill('SIGTERM')
  assert.equal(await first.exit, 0)
  const second = startProcess(t, 'admin', env)
  await second.line(({ msg }) => msg === 'admin ready')

  assert.equal(await ask(right), 200)
  assert.equal(first.lines.filter((line) => JSON.stringify(line).includes(String(secret))).length, 1)
  assert.ok(!second.lines.some((line) => 'secret' in line || JSON.stringify(line).includes(String(secret))))
  second.kill('SIGINT')
  assert.equal(await second.exit, 0)
})

test('admin beside ingress and worker, tells of each that lives and what version, counts the workers, and forgets who stopped', async (t) => {
  const [port, ingressPort] = [await freePort(), await freePort()]
  const env = { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: uniquePrefix() }
  cleanUp(t, env.KEY_PREFIX)
  startProcess(t, 'ingress', { ...env, INGRESS_HOST: '127.0.0.1', INGRESS_PORT: String(ingressPort) })
  const worker = startProcess(t, 'worker', { ...env, WORKERS_DIR: 'workers' })
  const admin = startProcess(t, 'admin', { ...env, ADMIN_PORT: String(port) })
  await admin.line(({ msg }) => msg === 'admin ready')
  const overview = async () => (await (await fetch(`http://127.0.0.1:${port}/api/overview`)).json()) as Overview
  const kinds = ({ processes }: Overview) => processes.map(({ kind }) => kind)

  const all = await waitFor(async () => {
    const seen = await overview()
    return kinds(seen).length === 3 && seen.processes.every(({ isReady }) => isReady === true) ? seen : undefined
  })

  assert.deepEqual([kinds(all), all.workers], [['admin', 'ingress', 'worker'], 1])
  for (const { version, isAlive } of all.processes) assert.deepEqual([version, isAlive], ['0.1.0', true])
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  assert.match(metrics, /^bridge_workers 1$/m)

  worker.kill('SIGTERM')
  assert.equal(await worker.exit, 0)
  assert.deepEqual(kinds(await overview()), ['admin', 'ingress'])
})

test('admin without a Redis, listens and says so, and ends with 0 when told to stop', async (t) => {
  const port = await freePort()
  const admin = startProcess(t, 'admin', { REDIS_URL: 'redis://127.0.0.1:1', ADMIN_PORT: String(port) })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
    return response && { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const ready = await waitFor(() => ask('/readyz'))

  assert.deepEqual([ready.status, ready.body['code']], [503, 'BRIDGE_UNAVAILABLE'])
  assert.equal((await ask('/api/blocked'))?.body['code'], 'BRIDGE_REDIS_UNAVAILABLE')
  assert.equal((await ask('/healthz'))?.status, 200)
  admin.kill('SIGTERM')
  assert.equal(await admin.exit, 0)
})

test('admin whose port is taken, ends with 1 and names the setting', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await waitFor(() => other.listening)
  const { port } = other.address() as { port: number }

  const admin = startProcess(t, 'admin', { REDIS_URL: suiteRedisUrl(), ADMIN_PORT: String(port) })

  assert.equal(await admin.exit, 1)
  assert.match(JSON.stringify(admin.lines), new RegExp(`ADMIN_PORT=${port}: another process listens`))
})
