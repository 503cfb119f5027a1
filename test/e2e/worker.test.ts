/** The worker as a process: it drains, it gives back what it cannot finish, and another takes over when it is killed. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { world } from '../support/lanes.ts'
import { type LedgerLine, readLedger } from '../support/ledger.ts'
import { startProcess } from '../support/processes.ts'
import { suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const takenOver = 'event taken over: its worker vanished'

async function scene(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-worker-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const ledger = join(dir, 'ledger.ndjson')
  writeFileSync(ledger, '')
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix } })
  const start = (env: Record<string, string> = {}) =>
    startProcess(t, 'worker', {
      REDIS_URL: suiteRedisUrl(),
      KEY_PREFIX: prefix,
      WORKERS_DIR: 'test/e2e/processors',
      LEDGER_FILE: ledger,
      ...env,
    })
  const seen = (isIt: (line: LedgerLine) => boolean) =>
    waitFor(() => readLedger(ledger).find(isIt), { limitMs: 30_000 })
  return { w, start, seen, ledger }
}

test('a killed worker, with an event in hand, is replaced by another within 15 s', async (t) => {
  const { w, start, seen } = await scene(t)
  const first = start({ LEDGER_HANG: 'true' })
  await w.put('default/call:1', 'a', 'b')
  await seen(({ what }) => what === 'start')

  first.kill('SIGKILL')
  const killedAt = performance.now()
  const second = start()
  await seen(({ what, pid }) => what === 'done' && pid === second.pid)

  assert.ok(performance.now() - killedAt < 15_000)
  await w.emptied()
  assert.ok(second.lines.some(({ msg }) => msg === takenOver))
})

test('a worker, told to stop with an event in hand, finishes it, takes no other, and exits 0', async (t) => {
  const { w, start, seen, ledger } = await scene(t)
  const worker = start({ LEDGER_WORK_MS: '400', WORKER_CONCURRENCY: '1' })
  await w.put('default/call:1', 'a', 'b', 'c', 'd', 'e', 'f')
  await seen(({ what }) => what === 'start')

  worker.kill('SIGTERM')

  assert.equal(await worker.exit, 0)
  const lines = readLedger(ledger)
  assert.equal(lines.filter(({ what }) => what === 'start').length, lines.filter(({ what }) => what === 'done').length)
  assert.ok(lines.length < 12, 'the rest stays for the next worker')
})

test('a worker, told to stop with an event that does not end, aborts it past the limit, exits 1, and leaves it to another at once', async (t) => {
  const { w, start, seen } = await scene(t)
  const worker = start({ LEDGER_HANG: 'true', DRAIN_TIMEOUT_MS: '300' })
  await w.put('default/call:1', 'a')
  await seen(({ what }) => what === 'start')

  worker.kill('SIGTERM')
  assert.equal(await worker.exit, 1)

  assert.deepEqual(await w.states('default/call:1'), { a: 'delayed' })
  const next = start()
  await w.emptied()
  assert.ok(!next.lines.some(({ msg }) => msg === takenOver), 'put back, not left to a lock that runs out')
})

test('a worker, told to stop with a processor that ignores its signal, still exits', async (t) => {
  const { w, start, seen } = await scene(t)
  const worker = start({ LEDGER_DEAF: 'true', DRAIN_TIMEOUT_MS: '300' })
  await w.put('default/call:1', 'a')
  await seen(({ what }) => what === 'start')

  worker.kill('SIGTERM')

  assert.equal(await worker.exit, 1)
  start()
  await w.emptied()
})
