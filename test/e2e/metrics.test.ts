/** `/metrics` of real processes, as Prometheus reads it: every name is there, and what is refused is counted. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { metricNames } from '../../src/metrics.ts'
import { startProcess } from '../support/processes.ts'
import { cleanUp, freePort, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

test('ingress, worker and admin, scraped after some webhooks, together tell what they took, refused and did, by every name', async (t) => {
  const prefix = uniquePrefix()
  cleanUp(t, prefix)
  const dir = await mkdtemp(join(tmpdir(), 'bridge-metrics-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const [port, ofIngress, ofWorker, ofAdmin] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const env = { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: prefix, INGRESS_HOST: '127.0.0.1', INGRESS_PORT: String(port) }
  const login = { SIMOTEL_USERNAME: 'u', SIMOTEL_PASSWORD: 'p' }
  startProcess(t, 'ingress', { ...env, ...login, METRICS_PORT: String(ofIngress) })
  const worker = {
    WORKERS_DIR: 'test/e2e/processors',
    LEDGER_FILE: join(dir, 'ledger'),
    METRICS_PORT: String(ofWorker),
  }
  startProcess(t, 'worker', { ...env, ...worker })
  startProcess(t, 'admin', { ...env, ADMIN_PORT: String(ofAdmin) })
  const scrape = async (of: number) => await (await fetch(`http://127.0.0.1:${of}/metrics`)).text()
  const up = (of: number) =>
    fetch(`http://127.0.0.1:${of}/readyz`)
      .then(({ ok }) => ok)
      .catch(() => false)
  await waitFor(() => up(ofIngress))
  await waitFor(() => up(ofWorker))
  await waitFor(() => up(ofAdmin))
  const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`
  const post = async (headers: Record<string, string>, body = 'event_name=Cdr&cuid=1700000000.77&src=09120000101') =>
    (await fetch(`http://127.0.0.1:${port}/simotel/`, { method: 'POST', body, headers })).status

  assert.deepEqual([await post({ authorization }), await post({}), await post({})], [200, 401, 401])
  await waitFor(async () =>
    (await scrape(ofWorker)).includes('bridge_attempts_total{event="Cdr",outcome="completed"} 1'),
  )

  const ingress = await scrape(ofIngress)
  const texts = [ingress, await scrape(ofWorker), await scrape(ofAdmin)]
  const types = texts.flatMap((text) => [...text.matchAll(/^# TYPE (bridge_\S+)/gm)].map(([, name = '']) => name))
  assert.deepEqual(types.toSorted(), metricNames.toSorted())
  assert.match(ingress, /^bridge_webhooks_received_total\{event="none",transport="none",outcome="unauthorized"\} 2$/m)
  assert.match(ingress, /^bridge_webhooks_received_total\{event="Cdr",transport="form",outcome="taken"\} 1$/m)
  assert.match(ingress, /^bridge_ack_seconds_count 1$/m)
  assert.match(texts[1] ?? '', /^bridge_event_wait_seconds_count 1$/m)
  assert.match(texts[2] ?? '', /^bridge_workers \d+$/m)
  for (const text of texts) {
    assert.match(text, /^nodejs_eventloop_lag_seconds /m)
    assert.doesNotMatch(text, /1700000000\.77|(?<![\w.])0912/, 'no call id and no number in any label')
  }
  const outside = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.equal(outside.status, 404, 'the port that Simotel reaches serves none')
})
