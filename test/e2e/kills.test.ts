/**
 * The promise under fire: 250 calls of 12 events, a tenth of the attempts fails, three worker processes, one of them
 * killed with SIGKILL every two seconds.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { play } from '../../scripts/simulate/play.ts'
import { shardKeys } from '../../src/queue/keys.ts'
import { judge, readLedger } from '../support/ledger.ts'
import { type BridgeProcess, startProcess } from '../support/processes.ts'
import { cleanUp, freePort, inspect, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const calls = 250
const eventsPerCall = 12

test('250 calls, while a worker is killed every two seconds, lose nothing and overtake nothing', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-kills-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const ledger = join(dir, 'ledger.ndjson')
  writeFileSync(ledger, '')
  const prefix = uniquePrefix()
  cleanUp(t, prefix)
  const redis = inspect(t)
  const port = await freePort()
  const env = {
    REDIS_URL: suiteRedisUrl(),
    KEY_PREFIX: prefix,
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(port),
    WORKERS_DIR: 'test/e2e/processors',
    WORKER_CONCURRENCY: '16',
    LEDGER_FILE: ledger,
    LEDGER_FAIL: '0.1',
    LEDGER_WORK_MS: '40',
    LOG_LEVEL: 'warn',
    // A busy machine is no refusal: this test is about facts, not speed.
    ENQUEUE_TIMEOUT_MS: '4000',
  }
  startProcess(t, 'ingress', env)
  const workers: BridgeProcess[] = [0, 1, 2].map(() => startProcess(t, 'worker', env))
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok)

  let kills = 0
  const killer = setInterval(() => {
    workers[kills % workers.length]?.kill('SIGKILL')
    workers[kills % workers.length] = startProcess(t, 'worker', env)
    kills += 1
  }, 2_000)
  t.after(() => clearInterval(killer))
  const report = await play({
    url: new URL(`http://127.0.0.1:${port}/simotel/`),
    calls,
    eventsPerCall,
    rate: 300,
    seed: 7,
  })
  const acked = report.entries.flatMap(({ eventId }) => (eventId === null ? [] : [eventId]))
  assert.deepEqual(report.reasons, {}, 'nothing was refused')
  assert.equal(acked.length, calls * eventsPerCall, 'every webhook was acknowledged')

  await waitFor(() => kills >= 5)
  clearInterval(killer)
  await waitFor(async () => (await redis.hlen(shardKeys(prefix, 0).heads)) === 0, {
    limitMs: 90_000,
    everyMs: 200,
    what: 'every lane is empty',
  })

  const verdict = judge(readLedger(ledger), acked)
  t.diagnostic(
    `killed ${kills} workers in ${verdict.interrupted} attempts; done ${verdict.done}, twice ${verdict.repeated}`,
  )
  assert.ok(verdict.interrupted > 0, 'the kills hit attempts under way')
  assert.deepEqual(verdict.lost, [])
  assert.deepEqual(verdict.overtaken, [])
  assert.equal(await redis.zcard(shardKeys(prefix, 0).failed), 0, 'no dead letters')
})
