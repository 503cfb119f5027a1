import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { startProbes } from '../../src/probes.ts'

const log = createLog({ level: 'silent' })
const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'bridge_lanes 3\n' }

test('probes, by what the process says, answer live and ready', async (t) => {
  let ready = true
  const probes = await startProbes({
    port: 0,
    host: '127.0.0.1',
    ready: () => ({ ready, state: { redis: ready ? 'ready' : 'away' } }),
    metrics,
    log,
  })
  t.after(() => probes.close())
  const get = async (path: string) => {
    const reply = await fetch(`http://127.0.0.1:${probes.port}${path}`)
    return [reply.status, (await reply.json()) as Record<string, unknown>] as const
  }

  assert.deepEqual(await get('/healthz'), [200, { ok: true }])
  assert.deepEqual(await get('/readyz?x=1'), [200, { ok: true, redis: 'ready' }])
  ready = false
  const [status, body] = await get('/readyz')
  assert.deepEqual([status, body.ok, body.code, body.redis], [503, false, 'BRIDGE_UNAVAILABLE', 'away'])
  assert.deepEqual(await get('/healthz'), [200, { ok: true }])
  assert.equal((await get('/'))[0], 404)
})

test('probes, asked for metrics, serve them as they are, and say 500 while they cannot be read', async (t) => {
  let fails = false
  const text = async () => (fails ? Promise.reject(new Error('away')) : await metrics.text())
  const ready = () => ({ ready: true, state: {} })
  const probes = await startProbes({ port: 0, host: '127.0.0.1', ready, metrics: { ...metrics, text }, log })
  t.after(() => probes.close())
  const get = () => fetch(`http://127.0.0.1:${probes.port}/metrics`)

  const reply = await get()
  assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, metrics.contentType])
  assert.equal(await reply.text(), 'bridge_lanes 3\n')
  fails = true
  assert.equal((await get()).status, 500)
})

test('probes, on a port in use, say so and which setting to change', async (t) => {
  const options = { host: '127.0.0.1', ready: () => ({ ready: true, state: {} }), metrics, log }
  const first = await startProbes({ ...options, port: 0 })
  t.after(() => first.close())

  await assert.rejects(startProbes({ ...options, port: first.port }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, new RegExp(`METRICS_PORT=${first.port}: another process listens`))
    return true
  })
})
