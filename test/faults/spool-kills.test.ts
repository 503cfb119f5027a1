/**
 * The row "Ingress kill -9 at any point": a process sends through the way of the ingress and is killed again and again, while
 * Redis comes and goes. A ledger of its acks says what must be there, and in which order.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { startRedis, uniquePrefix } from '../support/redis.ts'
import { spoolDir } from '../support/spool.ts'
import { openWay, takenBy } from '../support/spool-way.ts'
import { waitFor } from '../support/wait.ts'

const kills = Number(process.env['FAULT_KILLS'] ?? 10)
const lanes = ['a', 'b', 'c', 'd']

test(`Ingress kill -9 at any point: ${kills} kills while Redis comes and goes lose nothing and turn no lane round`, async (t) => {
  const redis = await startRedis(t)
  const dir = await spoolDir(t)
  const ledger = join(await spoolDir(t), 'ledger')
  writeFileSync(ledger, '')
  const settings = { REDIS_URL: redis.url, KEY_PREFIX: uniquePrefix(), SPOOL_DIR: dir }
  let child: ChildProcess | undefined
  t.after(() => child?.kill('SIGKILL'))

  const acks = () =>
    readFileSync(ledger, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('acked '))
  const nowAndThen = [
    async () => {
      redis.kill('SIGKILL')
      await redis.died()
    },
    async () => {},
    async () => await redis.restart(),
    async () => redis.kill('SIGSTOP'),
    async () => redis.kill('SIGCONT'),
  ]

  for (let run = 0; run < kills; run += 1) {
    const script = ['-C', 'source', '--import', 'tsx', 'test/support/spool-process.ts']
    child = spawn(process.execPath, script, {
      env: { ...process.env, ...settings, LEDGER_FILE: ledger, RUN: String(run), LANES: lanes.join(',') },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await once(child, 'message')
    // Somewhere in the next events; around the outages too.
    const wanted = acks().length + 1 + Math.floor(Math.random() * 60)
    await waitFor(() => acks().length >= wanted, { everyMs: 1 })
    await nowAndThen[run % nowAndThen.length]?.()
    if (run % 2 === 0) await waitFor(() => acks().length >= wanted + Math.random() * 200, { everyMs: 1 })
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  redis.kill('SIGCONT')
  const last = await openWay(settings, createLog({ level: 'silent' }))
  t.after(() => last.close())
  await waitFor(() => last.spool.isEmpty())

  const acked = acks().map((line) => line.split(' '))
  assert.ok(acked.length > kills * 10)
  t.diagnostic(`${acked.length} acknowledged in ${kills} lives`)
  for (const lane of lanes) {
    const taken = await takenBy(t, redis.url, settings.KEY_PREFIX, lane)
    const place = new Map(taken.map((eventId, index) => [eventId, index]))
    const places = acked.filter((ack) => ack[1] === lane).map((ack) => place.get(ack[3]!))
    assert.ok(!places.includes(undefined), `lost in ${lane}`)
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one! - other!),
    )
    assert.equal(new Set(taken).size, taken.length)
  }
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('making-')),
    [],
  )
})
