/**
 * `npm run up`, as a newcomer meets it: real processes, a Redis of its own, in a checkout of the test's own.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { waitFor } from '../support/wait.ts'
import { checkout, nothingRuns, processesIn, upEnv } from './up-checkout.ts'

const post = (port: number, callId: string) =>
  fetch(`http://127.0.0.1:${port}/simotel/NewState`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_name: 'NewState', unique_id: callId, state: 'Ringing', exten: '991' }),
  })

test('up, with --simulate 3 --once, tells of each event of each call what became of it, ends with 0, leaves nothing running', async (t) => {
  const { dir, run } = checkout(t)

  const up = run(['npm', 'run', 'up', '--', '--simulate', '3', '--once'], await upEnv())
  const code = await up.ended()

  assert.equal(code, 0, up.output)
  assert.deepEqual(
    [...up.output.matchAll(/^Call (\d) \(.+\), call id \S+$/gm)].map((found) => found[1]),
    ['1', '2', '3'],
  )
  const events = [...up.output.matchAll(/^ +\d+ {2}\w+ +acked in \d+ ms -> completed \(1 attempt, \d+ ms\)/gm)].length
  assert.match(up.output, new RegExp(`^3 calls, ${events} events: ${events} processed, in order per call\\.$`, 'm'))
  assert.ok(events >= 15, `${events} events are too few for three calls`)
  await nothingRuns(dir)
})

test('up, when an event of --once is never processed, says which and ends with 1', async (t) => {
  const { dir, run, write } = checkout(t)
  write(
    'workers/cdr.ts',
    "import { defineProcessor, PermanentError } from '#bridge'\nexport default defineProcessor('Cdr', () => {\n  throw new PermanentError('the CRM says no')\n})\n",
  )

  const up = run(['up', '--simulate', '1', '--once'], await upEnv())
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, /^ +\d+ {2}Cdr +acked in \d+ ms -> dead \(1 attempt, \d+ ms\): .*the CRM says no/m)
  assert.match(up.output, /^1 call, \d+ events: \d+ processed, 1 not, in order per call\.$/m)
  await nothingRuns(dir)
})

test('up, on SIGINT or SIGTERM, ends with 0 and leaves nothing running, and the next up finds the data of the first', async (t) => {
  const { dir, run, write } = checkout(t)
  write(
    'workers/any.ts',
    "import { defineProcessor } from '#bridge'\nexport default defineProcessor('*', { backoff: { firstMs: 300, maxMs: 300 } }, () => {\n  throw new Error('not yet')\n})\n",
  )
  const first = run(['up'], await upEnv())
  await first.printed(/The bridge is up/)
  const [, opsPage = ''] = await first.printed(/Ops page +(http:\S+)/)
  assert.equal((await fetch(opsPage)).status, 200)
  const { eventId } = (await (await post(first.port, '1700000000.7')).json()) as { eventId: string }
  await first.printed(/attempt failed/)

  first.kill('SIGINT')
  assert.equal(await first.ended(), 0, first.output)
  await nothingRuns(dir)
  write('workers/any.ts', "import { defineProcessor } from '#bridge'\nexport default defineProcessor('*', () => {})\n")
  const second = run(['up'], await upEnv({ LOG_LEVEL: 'debug' }))

  await second.printed(/event completed {2}NewState {2}in default\/call:1700000000\.7/)
  await second.printed(/The bridge is up/)
  assert.match(first.output, new RegExp(eventId))
  second.kill('SIGTERM')
  assert.equal(await second.ended(), 0, second.output)
  await nothingRuns(dir)
})

for (const moment of [/Checking types/, /processors loaded/]) {
  test(`up, told to stop at "${moment.source}", before it is up, ends with 0 and leaves nothing running`, async (t) => {
    const { dir, run } = checkout(t)
    const up = run(['up'], await upEnv())
    await up.printed(moment)

    up.kill('SIGTERM')

    assert.equal(await up.ended(), 0, up.output)
    await nothingRuns(dir)
  })
}

test('up, when the shell between npm and it hands no signal on, ends by itself', async (t) => {
  const { dir, run } = checkout(t)
  const up = run(['npm', 'run', 'up'], await upEnv())
  await up.printed(/The bridge is up/)

  up.kill('SIGKILL')

  await nothingRuns(dir)
})

test('up, when it is killed outright, leaves a Redis that the next up takes over', async (t) => {
  const { dir, run } = checkout(t)
  const first = run(['up'], await upEnv())
  const [, redisUrl] = await first.printed(/Redis +(redis:\S+), started for this run/)
  await first.printed(/Try it/)

  first.kill('SIGKILL')
  await waitFor(() => processesIn(dir).length === 1, {
    what: 'only Redis to be left: ingress and worker drain',
    limitMs: 60_000,
  })
  const second = run(['up'], await upEnv())

  await second.printed(/An earlier run ended without stopping its Redis \(process \d+\): using that one/)
  assert.equal((await second.printed(/Redis +(redis:\S+), started for this run/))[1], redisUrl)
  await second.printed(/Try it/)
  second.kill('SIGINT')
  assert.equal(await second.ended(), 0, second.output)
  await nothingRuns(dir)
})

test('up, beside another one of the same checkout, refuses in one sentence and leaves the other alone', async (t) => {
  const { dir, run } = checkout(t)
  const first = run(['up'], await upEnv())
  await first.printed(/The bridge is up/)

  const second = run(['up'], await upEnv())
  const code = await second.ended()

  assert.equal(code, 1, second.output)
  assert.match(second.output, /Another `npm run up` \(process \d+\) runs on \.data\/redis: stop it first/)
  assert.equal((await post(first.port, '1.1')).status, 200)
  first.kill('SIGINT')
  assert.equal(await first.ended(), 0, first.output)
  await nothingRuns(dir)
})

test('up, with its port taken, says which setting to change', async (t) => {
  const { run } = checkout(t)
  const env = await upEnv()
  const other = createServer().listen(Number(env['INGRESS_PORT']), '127.0.0.1')
  t.after(() => other.close())

  const up = run(['up'], env)
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, new RegExp(`Port ${env['INGRESS_PORT']} is taken by another program.*set INGRESS_PORT`))
})

test('up, with a named Redis that does not answer, says so and starts none', async (t) => {
  const { dir, run } = checkout(t)

  const up = run(['up'], await upEnv({ REDIS_URL: 'redis://:hunter2@127.0.0.1:1' }))
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(
    up.output,
    /REDIS_URL=redis:\/\/\*\*\*@127\.0\.0\.1:1 does not answer \(.*ECONNREFUSED.*\): start that server/,
  )
  assert.doesNotMatch(up.output, /hunter2/)
  await nothingRuns(dir)
})

test('up, told by .env, takes its settings from there, and the environment wins', async (t) => {
  const { run, write } = checkout(t)
  write('.env', 'WEBHOOK_PATH=/pbx\nATTEMPTS=many\nLOG_LEVEL=\n')

  const up = run(['up'], await upEnv({ WEBHOOK_PATH: '/other' }))
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, /^Settings from \.env: ATTEMPTS\.$/m)
  assert.match(up.output, /ATTEMPTS=many is not accepted/)
})

test('up, with an option it does not know, prints its help and ends with 1', async (t) => {
  const { run } = checkout(t)

  const up = run(['up', '--simulat', '3'])
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, /--simulat'.*\n[\s\S]*Usage: npm run up/)
})
