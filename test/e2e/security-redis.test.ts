/**
 * The Redis account of docs/security.md: with exactly that rule ingress and workers do all they do, and nothing but their
 * own keys can be reached.
 */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { type TestContext, test } from 'node:test'
import { listening, startBridge } from '../support/bridge.ts'
import { deadJob, discardJob, replayJob, upkeep, world } from '../support/lanes.ts'
import { startLoad } from '../support/load.ts'
import { startProcess } from '../support/processes.ts'
import { freePort, inspect, type OwnRedis, startRedis, uniquePrefix } from '../support/redis.ts'
import { filesUnder, read } from '../support/source.ts'
import { waitFor } from '../support/wait.ts'

const rule = /^user bridge .*$/m.exec(read('docs/security.md'))?.[0] ?? ''
/** Commands of the rule as `COMMAND` names them: `config|get`. */
const allowed = [...rule.matchAll(/ \+([a-z|]+)/g)].map(([, name = '']) => name)

/** The server's address with the account's name and password. */
const addressOf = ({ url }: OwnRedis): string => url.replace('//', '//bridge:p%25ss@')

/** Makes the account, as the rule says but for this prefix. */
async function makeAccount(t: TestContext, { url }: OwnRedis, prefix: string): Promise<void> {
  const [, name = '', ...rest] = rule.replace('>PASSWORD', '>p%ss').replaceAll('{simotel:', `{${prefix}:`).split(' ')
  assert.equal(await inspect(t, url).call('ACL', 'SETUSER', name, ...rest), 'OK')
}

/** Fails if Redis has refused anything to the account since the server's start. */
async function assertNothingRefused(t: TestContext, { url }: OwnRedis): Promise<void> {
  assert.deepEqual(await inspect(t, url).call('ACL', 'LOG'), [])
}

/** Of BullMQ's scripts, those that its worker sends by itself. moveToActive stands in one of ours, too. */
const workersOwn = [
  'extendLocks',
  'moveStalledJobsToWait',
  'moveToActive',
  'moveToDelayed',
  'moveToFinished',
  'retryJob',
]
/** What ioredis and BullMQ's worker say beside scripts. */
const clientsOwn = ['client|setname', 'info', 'eval', 'evalsha', 'bzpopmin']

/** Every command that stands in a script or is sent by src/queue. */
function commandsNeeded(): Set<string> {
  const bullmq = createRequire(import.meta.url)('bullmq/dist/cjs/scripts/index.js') as Record<
    string,
    { content: string }
  >
  const sources = filesUnder('src/queue', /\.ts$/).map(read)
  const scripts = [
    ...sources,
    ...workersOwn.map((name) => bullmq[name]?.content ?? assert.fail(`bullmq has no script ${name}`)),
  ]
  const inScripts = scripts.flatMap((text) => [...text.matchAll(/\br?(?:edis\.)?p?call\(\s*["']([A-Za-z]+)["']/g)])
  const sent = sources.flatMap((text) => [
    ...text.matchAll(
      /\b(?:redis|connection|server|node|pipeline|pipeline\(\)|pipeline\(\)\.rpush\(.*?\))\s*\.([a-z]+)\(/g,
    ),
  ])
  // WAIT is sent with REDIS_WAIT_REPLICAS only, and then docs/high-availability.md adds it to the rule.
  const noCommands = ['on', 'once', 'off', 'exec', 'pipeline', 'nodes', 'quit', 'disconnect', 'duplicate', 'wait']
  const names = [...inScripts, ...sent].map(([, name = '']) => name.toLowerCase().replace(/^config$/, 'config|get'))
  return new Set([...names, ...clientsOwn].filter((name) => !noCommands.includes(name)))
}

test('redis account, of all commands, may use exactly those that scripts and src/queue send', () => {
  const needed = commandsNeeded()

  assert.ok(needed.size > 40, [...needed].join(' '))
  assert.deepEqual(
    [...needed].filter((name) => !allowed.includes(name)),
    [],
    'the rule of docs/security.md lacks them',
  )
  assert.deepEqual(
    allowed.filter((name) => !needed.has(name)),
    [],
    'nothing needs them',
  )
})

test('redis account, with exactly its rule, does everything there is to do with lanes', async (t) => {
  const redis = await startRedis(t)
  const prefix = uniquePrefix()
  const url = addressOf(redis)
  await makeAccount(t, redis, prefix)
  const env = { KEY_PREFIX: prefix, DEAD_HEAD: 'block', DUPLICATE_WINDOW_MS: '60000', MAX_LANE_EVENTS: '100' }
  const w = await world(t, {
    url,
    env,
    script: {
      retried: ['fail', 'ok'],
      later: [{ status: 'later', delayMs: 1, cause: 'asked', error: 'not yet' }, 'ok'],
      waits: [{ status: 'later', delayMs: 1, cause: 'ceiling', error: 'full' }, 'ok'],
      hangs: ['hang', 'ok'],
      dead: ['dead', 'ok'],
      given: ['dead'],
    },
  })
  const passes = await upkeep(t, w)

  assert.equal(await w.lanes.claimEventId('bytes', 'one'), 'one')
  assert.equal(await w.lanes.claimEventId('bytes', 'two'), 'one')
  const stopped = w.work()
  await w.put('default/call:1', 'retried', 'later', 'waits', 'last')
  await w.put('default/call:2', 'hangs')
  await w.put('default/call:3', 'dead', 'behind')
  await w.put('default/call:4', 'given', 'after')
  const dead = await deadJob(w, 'dead')
  const given = await deadJob(w, 'given')
  await waitFor(() => w.starts.some(({ label }) => label === 'hangs'))
  await stopped.drain(0)
  w.work()
  await replayJob(w, dead)
  await discardJob(w, given)
  await w.emptied()
  await passes.pass()

  assert.equal(w.ends.filter(({ status }) => status === 'completed').length, 8)
  await assertNothingRefused(t, redis)
})

test('redis account, with exactly its rule, serves an ingress, a worker and an admin', async (t) => {
  const bridge = await startBridge(t, { env: { LEDGER_FAIL: '0.2' }, redisUrl: async (redis) => addressOf(redis) })
  await makeAccount(t, bridge.redis, bridge.prefix)
  const ingress = await listening(await bridge.ingress())
  const worker = bridge.worker()
  await waitFor(async () => (await ingress.readyz())?.redis.ready)
  const load = startLoad({ ports: () => [ingress.port], perSecond: 200, lanes: 20 })
  await waitFor(() => load.count() > 200)
  const sent = await load.stop()
  await bridge.settled([ingress])
  const adminPort = await freePort()
  const admin = startProcess(t, 'admin', {
    REDIS_URL: addressOf(bridge.redis),
    KEY_PREFIX: bridge.prefix,
    ADMIN_PORT: String(adminPort),
  })
  const ask = async (path: string) =>
    (await fetch(`http://127.0.0.1:${adminPort}${path}`).catch(() => undefined))?.status
  await waitFor(async () => (await ask('/readyz')) === 200)
  const lane = encodeURIComponent([...sent.acked.keys()][0] ?? '')
  for (const path of ['/api/overview', '/api/dead', '/api/blocked', '/api/errors', `/api/lanes/${lane}`])
    assert.equal(await ask(path), 200, path)
  for (const path of ['/', '/dead', '/metrics', '/board', '/api/search?q=200', '/board/api/queues'])
    assert.equal(await ask(path), 200, path)

  assert.deepEqual(bridge.verdict(sent).lost, [])
  await assertNothingRefused(t, bridge.redis)
  assert.doesNotMatch(JSON.stringify([...ingress.lines, ...worker.lines, ...admin.lines]), /p%25ss|p%ss|NOPERM/)
})

test('redis account, beyond its keys and commands, is refused everything', async (t) => {
  const redis = await startRedis(t)
  await makeAccount(t, redis, 'simotel')
  const client = inspect(t, addressOf(redis))
  const refusal = async (...command: [string, ...string[]]) =>
    client.call(...command).then(
      () => 'taken',
      (error: Error) => error.message.split(' ')[0],
    )

  for (const command of [
    ['GET', 'other'],
    ['SET', '{simotel2:0}:heads', 'x'],
    ['EVAL', "return redis.call('GET', 'other')", '0'],
    ['EVAL', "return redis.call('FLUSHALL')", '0'],
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['CONFIG', 'SET', 'appendonly', 'no'],
    ['ACL', 'LIST'],
    ['CLIENT', 'LIST'],
    ['SHUTDOWN'],
    ['MONITOR'],
    ['REPLICAOF', '127.0.0.1', '1'],
    ['PUBLISH', 'a', 'b'],
    ['SELECT', '1'],
  ] as [string, ...string[]][])
    assert.match((await refusal(...command)) ?? '', /^(NOPERM|ERR)$/, command.join(' '))
  assert.equal(await refusal('SET', '{simotel:0}:x', 'y'), 'taken')
})
