/** The ingress as a process of its own, from its settings to its exit code. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { shardKeys } from '../../src/queue/keys.ts'
import { startProcess } from '../support/processes.ts'
import { cleanUp, freePort, inspect, startRedis, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const texts = (lines: readonly object[]) => lines.map((line) => ('text' in line ? String(line.text) : '')).join('\n')
const listening = (line: object) => 'addresses' in line
const post = (port: number, body: string) =>
  fetch(`http://127.0.0.1:${port}/simotel/`, { method: 'POST', body, headers: { connection: 'close' } })

test('ingress process, given wrong settings, names all of them plainly and exits 1', async (t) => {
  const ingress = startProcess(t, 'ingress', { WEBHOOK_PATH: 'simotel', INGRESS_PORT: 'many' })

  assert.equal(await ingress.exit, 1)
  assert.match(texts(ingress.lines), /WEBHOOK_PATH=simotel/)
  assert.match(texts(ingress.lines), /INGRESS_PORT=many/)
  assert.doesNotMatch(texts(ingress.lines), /\bat .*\.ts:/)
})

test('ingress process, on a port in use, says so in one sentence and exits 1', async (t) => {
  const other = createServer()
  const port = await freePort()
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
  t.after(() => other.close())

  const ingress = startProcess(t, 'ingress', {
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(port),
    REDIS_URL: suiteRedisUrl(),
  })

  assert.equal(await ingress.exit, 1)
  assert.match(texts(ingress.lines), new RegExp(`INGRESS_PORT=${port}: another process listens`))
})

test('ingress process, started without Redis, listens, keeps events on disk, and has them in Redis once it is there', async (t) => {
  const redis = await startRedis(t)
  redis.kill('SIGKILL')
  await redis.died()
  const [port, metricsPort] = [await freePort(), await freePort()]
  const ingress = startProcess(t, 'ingress', {
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(port),
    METRICS_PORT: String(metricsPort),
    REDIS_URL: redis.url,
  })
  await ingress.line(listening)
  const status = async (url: string) => (await fetch(url)).status

  const kept = await post(port, 'event_name=Cdr&cuid=1.1')
  const { eventId } = (await kept.json()) as { eventId: string }
  assert.equal(kept.status, 200)
  for (const probe of [port, metricsPort]) {
    const reply = await fetch(`http://127.0.0.1:${probe}/readyz`)
    const { redis: state } = (await reply.json()) as { redis: { ready: boolean } }
    assert.deepEqual(
      [reply.status, state.ready],
      [200, false],
      'an outage of Redis takes no ingress out of a load balancer',
    )
  }
  assert.equal(await status(`http://127.0.0.1:${port}/healthz`), 200)

  await redis.restart()
  const client = inspect(t, redis.url)
  await waitFor(async () => (await client.exists(shardKeys('simotel', 0).job(eventId))) === 1)
  const taken = await post(port, 'event_name=Cdr&cuid=1.1')

  assert.equal(taken.status, 200)
  const back = ingress.lines.filter(({ msg }) => msg === 'redis is back')
  assert.equal(back.length, 1, 'said once, although the drain has a connection of its own')
  ingress.kill('SIGINT')
  assert.equal(await ingress.exit, 0)
})

test('ingress process, on SIGTERM under load, answers everything that got in, has it in Redis and exits 0', async (t) => {
  const prefix = uniquePrefix()
  cleanUp(t, prefix)
  const redis = inspect(t)
  const port = await freePort()
  const ingress = startProcess(t, 'ingress', {
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(port),
    REDIS_URL: suiteRedisUrl(),
    KEY_PREFIX: prefix,
  })
  await ingress.line(listening)
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200)

  const acked: string[] = []
  const failures: string[] = []
  let isRefused = false
  const client = async (name: number) => {
    for (let n = 0; !isRefused; n++) {
      try {
        const reply = await post(port, `event_name=Cdr&cuid=${name}.${n}`)
        const { eventId } = (await reply.json()) as { eventId: string }
        if (reply.status === 200) acked.push(eventId)
        else failures.push(String(reply.status))
      } catch (error) {
        const { code } = (error as Error).cause as { code?: string }
        if (code === 'ECONNREFUSED') isRefused = true
        else failures.push(String(code))
      }
    }
  }
  const clients = Promise.all([1, 2, 3, 4, 5].map(client))
  await waitFor(() => acked.length > 50)
  ingress.kill('SIGTERM')

  assert.equal(await ingress.exit, 0)
  await clients
  // A connection that the kernel holds and the process has not accepted is reset when the port shuts: no program can
  // take it any more. It never got in, and at most one per client can be in that moment.
  assert.deepEqual(
    failures.filter((code) => code !== 'ECONNRESET'),
    [],
  )
  assert.ok(failures.length <= 5)
  const keys = shardKeys(prefix, 0)
  assert.equal(await redis.exists(...acked.map((eventId) => keys.job(eventId))), acked.length)
  assert.ok(ingress.lines.some((line) => line.msg === 'drained'))
})
