/** Traces of real processes: from the webhook that the ingress took to the attempt that a worker made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCollector } from '../support/collector.ts'
import { startProcess } from '../support/processes.ts'
import { cleanUp, freePort, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

test('ingress and worker, told of a collector, tell it one trace for an event, and no number, call or payload', async (t) => {
  const prefix = uniquePrefix()
  cleanUp(t, prefix)
  const collector = await startCollector(t)
  const port = await freePort()
  const env = {
    REDIS_URL: suiteRedisUrl(),
    KEY_PREFIX: prefix,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20KEY',
  }
  const ingress = startProcess(t, 'ingress', { ...env, INGRESS_HOST: '127.0.0.1', INGRESS_PORT: String(port) })
  const worker = startProcess(t, 'worker', { ...env, WORKERS_DIR: 'test/e2e/processors' })
  const url = `http://127.0.0.1:${port}`
  await waitFor(() =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )

  const body = 'event_name=Cdr&cuid=1700000000.77&src=09120000101'
  const reply = await fetch(`${url}/simotel/?token=abc`, { method: 'POST', body })
  const { eventId } = (await reply.json()) as { eventId: string }
  await waitFor(() => collector.spans().length >= 2)
  ingress.kill('SIGTERM')
  worker.kill('SIGTERM')
  assert.deepEqual([await ingress.exit, await worker.exit], [0, 0])

  const [attempt, webhook, ...others] = collector.spans().sort((a, b) => a.name.localeCompare(b.name))
  assert.deepEqual([attempt?.service, webhook?.service], ['simotel-bridge-worker', 'simotel-bridge-ingress'])
  assert.deepEqual([attempt?.name, webhook?.name, others], ['attempt', 'webhook', []])
  assert.deepEqual([attempt?.traceId, webhook?.traceId], Array(2).fill(eventId.replaceAll('-', '')))
  assert.equal(attempt?.parentSpanId, webhook?.spanId)
  assert.deepEqual([webhook?.values['bridge.outcome'], attempt?.values['bridge.outcome']], ['taken', 'completed'])
  for (const { headers, body: sent } of collector.posts) {
    assert.equal(headers.authorization, 'Bearer KEY')
    assert.doesNotMatch(sent, /(?<![\w.-])0912|1700000000\.77|token|abc"/)
  }
  const said = JSON.stringify([...ingress.lines, ...worker.lines])
  assert.match(said, /"OTEL_EXPORTER_OTLP_HEADERS":"set"/)
  assert.doesNotMatch(said, /Bearer/)
})
