/** `npm run dead`, `replay` and `discard`, as processes: what they print, what they do, what they exit with. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Outcome } from '../../src/event/outcome.ts'
import { readActions } from '../../src/queue/actions.ts'
import { laneKeyOf, shardOf } from '../../src/queue/keys.ts'
import { deadJob, type World, world } from '../support/lanes.ts'
import { isBuilt } from '../support/processes.ts'
import { putAll, queuesOf, settled } from '../support/queues.ts'
import { freePort } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const dead = (error: string): Outcome => ({ status: 'dead', error })

type Ran = { readonly code: number | null; readonly out: string; readonly err: string }
type Run = { readonly ended: Promise<Ran>; readonly said: () => string; kill(signal: NodeJS.Signals): void }

const fromSource = ['-C', 'source', '--import', 'tsx']

function start(t: TestContext, args: readonly string[], env: Record<string, string>): Run {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('NODE_TEST')))
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const ended = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ code, out, err })))
  return { ended, said: () => out + err, kill: (signal) => void child.kill(signal) }
}

function envOf(w: World, more: Record<string, string> = {}): Record<string, string> {
  const { redis, keys, ingress } = w.config
  return {
    REDIS_URL: redis.url,
    KEY_PREFIX: keys.prefix,
    SHARDS: String(keys.shards),
    SOURCES: ingress.sources.join(','),
    ...more,
  }
}

/** Runs one of the commands from source, to its end. */
async function run(t: TestContext, w: World, command: string, ...args: string[]): Promise<Ran> {
  return await start(t, [...fromSource, `scripts/${command}.ts`, ...args], envOf(w)).ended
}

/** A call whose three events are dead, and one event of an extension. */
async function worldOfDead(t: TestContext, env: Record<string, string> = {}): Promise<World> {
  const w = await world(t, {
    env: { SHARDS: '4', ...env },
    script: {
      a: [dead('CRM answered 503'), { status: 'completed' }],
      b: [dead('CRM answered 422'), { status: 'completed' }],
      c: [dead('no such customer'), { status: 'completed' }],
    },
  })
  w.work()
  await w.put('default/call:1700000000.1', 'a', 'b')
  await w.put('default/number:09121234567', 'c')
  await settled(w)
  return w
}

test('dead, of several dead letters, prints a table with each, newest first, and what they died of', async (t) => {
  const w = await worldOfDead(t)

  const { code, out, err } = await run(t, w, 'dead')

  assert.deepEqual([code, err], [0, ''])
  const [heads, ...rows] = out.split('\n')
  assert.match(heads!, /^DEAD SINCE +EVENT +LANE +ATTEMPTS +EVENT ID +ERROR$/)
  assert.match(rows[0]!, /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d {2}Unknown {2}/)
  for (const text of [
    'default/call:1700000000.1',
    'default/number:09121234567',
    'no such customer',
    '3 dead letters.',
    '2  CRM answered #',
  ])
    assert.ok(out.includes(text), `${text} in\n${out}`)
})

test('dead, filtered by call, event or error, lists these; of nothing, says so', async (t) => {
  const w = await worldOfDead(t)

  const [byCall, byError, byEvent, none, limited] = await Promise.all([
    run(t, w, 'dead', '--call', '1700000000.1'),
    run(t, w, 'dead', '--error', 'no such'),
    run(t, w, 'dead', '--event', 'unknown'),
    run(t, w, 'dead', '--call', 'nobody'),
    run(t, w, 'dead', '--limit', '1'),
  ])

  assert.match(byCall.out, /2 dead letters\./)
  assert.match(byError.out, /1 dead letter\./)
  assert.match(byEvent.out, /3 dead letters\./)
  assert.equal(none.code, 0)
  assert.match(none.out, /^No such dead letter at redis:\/\/127\.0\.0\.1:\d+\/?, KEY_PREFIX=test-\w+\.\n$/)
  assert.match(limited.out, /1 dead letter, and there are more: --limit\./)
})

test('dead --json, prints one object a line with the stored event; numbers masked where MASK_NUMBERS says so', async (t) => {
  const w = await worldOfDead(t)

  const plain = await run(t, w, 'dead', '--json')
  const env = envOf(w, { MASK_NUMBERS: 'true' })
  const masked = await start(t, [...fromSource, 'scripts/dead.ts', '--json'], env).ended
  const table = await start(t, [...fromSource, 'scripts/dead.ts'], env).ended

  const letters = plain.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(letters.length, 3)
  assert.deepEqual(Object.keys(letters[0]!).sort(), [
    'attempts',
    'callId',
    'deadAt',
    'error',
    'event',
    'eventId',
    'lane',
    'name',
  ])
  assert.ok(
    letters.some(
      ({ lane, event }) => lane === 'default/number:09121234567' && (event as { raw?: unknown }).raw !== undefined,
    ),
  )
  assert.equal(masked.out.trim().split('\n').length, 3)
  for (const { out } of [masked, table]) {
    assert.ok(out.includes('default/number:0912*****67'), out)
    assert.ok(out.includes('1700000000.1'), 'call ids stay')
    assert.doesNotMatch(out, /09121234567/)
  }
})

test('replay, with --dry-run, says what it would do and in which order, and does nothing', async (t) => {
  const w = await worldOfDead(t)

  const { code, out } = await run(t, w, 'replay', '--call', '1700000000.1', '--dry-run')

  assert.equal(code, 0)
  assert.match(
    out,
    /CRM answered 503[\s\S]+CRM answered 422[\s\S]+Would replay 2, each lane's in this order\. Nothing was done\./,
  )
  assert.equal(w.starts.length, 3)
  assert.deepEqual(await readActions(queuesOf(w)), [])
})

test('replay of a call, an event id, an error and all, runs these again, and is recorded with who did it', async (t) => {
  const w = await worldOfDead(t)

  const byError = await run(t, w, 'replay', '--error', '503')
  assert.match(byError.out, /^a-\S+\nReplayed 1 of 1 dead letter\.\n$/)
  const shard = shardOf(laneKeyOf('default/call:1700000000.1'), 4)
  const id = await deadJob({ ...w, keys: queuesOf(w).shards[shard]! }, 'b')
  const byId = await run(t, w, 'replay', id)
  assert.deepEqual([byId.code, byId.out], [0, `${id}\nReplayed 1 of 1 dead letter.\n`])
  const again = await run(t, w, 'replay', id)
  assert.equal(again.code, 1)
  assert.match(again.out, /^No such dead letter at /)
  const all = await run(t, w, 'replay', '--all')
  assert.match(all.out, /Replayed 1 of 1 dead letter\./)
  const none = await run(t, w, 'replay', '--all')
  assert.equal(none.code, 0)
  assert.match(none.out, /^No such dead letter at /)

  await settled(w)
  assert.equal(w.starts.length, 6)
  const actions = await readActions(queuesOf(w))
  assert.deepEqual(
    actions.map(({ selector }) => selector),
    [{ all: true }, { eventId: id }, { error: '503' }],
  )
  assert.ok(actions.every(({ who, what, done }) => /^cli:\S+@\S+$/.test(who) && what === 'replay' && done === 1))
})

test('discard of a call whose head is blocked, gives it up, and the lane goes on', async (t) => {
  const w = await world(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  w.work()
  await w.put('default/call:1', 'a', 'b')
  await deadJob(w, 'a')

  const dry = await run(t, w, 'discard', '--call', '1', '--dry-run')
  const { code, out } = await run(t, w, 'discard', '--call', '1')
  await w.emptied()

  assert.match(dry.out, /its lane goes on[\s\S]+Would discard 1/)
  assert.deepEqual([code, out.split('\n')[1]], [0, 'Discarded 1 of 1 dead letter.'])
  assert.deepEqual(w.labelsOf('default/call:1'), ['a', 'b'])
})

test('replay of an event that was stored wrongly, normalises it anew, with the time zone of its source', async (t) => {
  const seen: { name: string; data: unknown }[] = []
  const w = await world(t, { env: { SOURCES: 'tehran' }, script: { a: ['dead', 'ok'] } })
  w.work({}, ({ name, data }) => seen.push({ name, data }))
  const body = JSON.stringify({
    event_name: 'Cdr',
    cuid: '1.2',
    starttime: '2026-11-25 10:00:00',
    disposition: 'ANSWERED',
  })
  const event = w.event('tehran/call:1.2', 'a')
  await w.lanes.enqueue({ ...event, source: 'tehran', raw: { ...event.raw, contentType: 'application/json', body } })
  await deadJob(w, 'a')

  const env = envOf(w, { SIMOTEL_TIMEZONE: 'tehran=Asia/Tehran,UTC' })
  await start(t, [...fromSource, 'scripts/replay.ts', '--all'], env).ended
  await w.emptied()

  const [before, after] = seen
  assert.deepEqual([before!.name, after!.name], ['Unknown', 'Cdr'])
  assert.equal((after!.data as { startTime: Date }).startTime.toISOString(), '2026-11-25T06:30:00.000Z')
})

test('a long replay, on Ctrl-C, stops cleanly, says how far it came, and leaves the rest dead', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  const worker = w.work()
  const count = 1_500
  await putAll(
    w,
    Array.from({ length: count }, (_, index) => ({ lane: `default/call:${index}`, label: 'a' })),
  )
  await settled(w)
  await worker.drain(5_000)

  const replay = start(t, [...fromSource, 'scripts/replay.ts', '--all'], envOf(w))
  await waitFor(async () => (await w.redis.zcard(w.keys.replayed)) > 0, { everyMs: 1 })
  replay.kill('SIGINT')
  const { code, out, err } = await replay.ended

  const [, done = ''] = /Replayed (\d+) of 1500 dead letters; stopped, the rest is as it was\./.exec(out) ?? []
  assert.equal(code, 1, err)
  assert.match(err, /stopping after what is under way/)
  assert.equal(await w.redis.zcard(w.keys.failed), count - Number(done))
  assert.equal((await readActions(queuesOf(w)))[0]!.done, Number(done))
})

for (const [command, args, says] of [
  ['dead', ['--nope'], /Unknown option '--nope'\nnpm run dead -- --help/],
  [
    'dead',
    ['--event', 'Cdrr', '--limit', 'x', 'stray'],
    /stray: nothing[\s\S]+--event Cdrr: no event[\s\S]+--limit x: give a whole number/,
  ],
  ['replay', [], /say which dead letters to replay/],
  ['replay', ['--all', '--call', '1'], /--all stands alone/],
  ['discard', ['--error', ''], /--error is empty/],
] as const) {
  test(`${command} ${args.join(' ')}, given wrong options, names them all and exits with 2`, async (t) => {
    const { code, out, err } = await start(t, [...fromSource, `scripts/${command}.ts`, ...args], {}).ended

    assert.deepEqual([code, out], [2, ''])
    assert.match(err, says)
  })
}

test('dead, replay and discard, asked for help, print it with every option', async (t) => {
  for (const command of ['dead', 'replay', 'discard']) {
    const { code, out } = await start(t, [...fromSource, `scripts/${command}.ts`, '--help'], {}).ended
    assert.equal(code, 0)
    const options = command === 'dead' ? ['--json', '--limit'] : ['--all', '--dry-run']
    for (const option of ['--call', '--lane', '--event', '--error', ...options])
      assert.ok(out.includes(option), `${command} ${option}`)
    assert.ok(out.split('\n').every((line) => line.length <= 140))
  }
})

test('dead, when Redis does not answer, a setting is wrong, or SHARDS is not that of the rest, says so and exits with 1', async (t) => {
  const w = await worldOfDead(t)
  const args = [...fromSource, 'scripts/dead.ts']
  const port = await freePort()

  const [away, wrong, shards] = await Promise.all([
    start(t, args, { REDIS_URL: `redis://:secret@127.0.0.1:${port}` }).ended,
    start(t, args, { SHARDS: 'many' }).ended,
    start(t, args, envOf(w, { SHARDS: '2' })).ended,
  ])

  assert.deepEqual([away.code, wrong.code, shards.code], [1, 1, 1])
  assert.match(away.err, /^Redis did not answer: .*ECONNREFUSED.* \(redis:\/\/\*\*\*@127\.0\.0\.1:\d+\)/)
  assert.match(wrong.err, /SHARDS=many is not accepted/)
  assert.match(shards.err, /SHARDS=2, but Redis holds events spread over 4 shards/)
})

/** A build of its own, removed with the test. */
async function builtFor(t: TestContext): Promise<string> {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const dist = await mkdtemp(join(root, '.tmp/dist-'))
  t.after(() => rm(dist, { recursive: true, force: true }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const built = await start(t, [tsc, '-p', 'tsconfig.build.json', '--outDir', dist], {}).ended
  assert.equal(built.code, 0, built.out)
  return dist
}

test('the three commands, compiled as the image has them, run without tsx and the sources', async (t) => {
  const w = await worldOfDead(t)
  const dist = isBuilt ? join(root, 'dist') : await builtFor(t)

  const env = envOf(w, { NODE_ENV: 'production' })
  const command = (name: string, ...args: string[]) => start(t, [join(dist, `scripts/${name}.js`), ...args], env).ended
  assert.match((await command('dead')).out, /3 dead letters/)
  assert.match((await command('replay', '--call', '1700000000.1')).out, /Replayed 2 of 2/)
  assert.match((await command('discard', '--all')).out, /Discarded 1 of 1/)
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8')
  assert.match(dockerfile, /COPY scripts scripts/)
})
