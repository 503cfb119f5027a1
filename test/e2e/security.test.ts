/**
 * Secrets, personal data and hostile names, followed through a real ingress, its spool, its log, a real Redis and a worker.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Event } from '../../src/event/event.ts'
import { startBridge } from '../support/bridge.ts'
import { postOf, sendBytes } from '../support/hostile.ts'
import { testIngress } from '../support/ingress.ts'
import { world } from '../support/lanes.ts'
import { inspect } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

/** Every file in and below a folder. */
const filesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

test('secrets, of a sender, of the settings and of Redis, are in no spool file, no log line and nothing Redis wrote', async (t) => {
  const bridge = await startBridge(t, {
    env: {
      SIMOTEL_USERNAME: 'pbx',
      SIMOTEL_PASSWORD: 'right-hushed',
      SIMOTEL_PASSWORD_NEXT: 'next-hushed',
      LOG_LEVEL: 'trace',
      LEDGER_FAIL: '0.5',
    },
    redisUrl: async ({ url }) => url.replace('//', '//bridge:redis-hushed@'),
  })
  const redis = inspect(t, bridge.redis.url)
  await redis.call('ACL', 'SETUSER', 'bridge', 'on', '>redis-hushed', '~*', '&*', '+@all')
  bridge.redis.kill('SIGSTOP')
  // As wide as a machine may have it: the modes must not depend on it.
  const umask = process.umask(0)
  const ingress = await bridge.ingress()
  process.umask(umask)
  await waitFor(() => ingress.readyz())
  const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair).toString('base64')}\r\n`
  const more = 'X-Api-Key: header-hushed\r\nCookie: session=cookie-hushed\r\n'
  const send = (pair: string, path: string) =>
    sendBytes(ingress.port, postOf('event_name=IncomingCall&number=09121234567', `${basic(pair)}${more}`, path))

  const taken = await send(
    'pbx:right-hushed',
    '/simotel/hushed7Key99/Cdr?api_key=query-hushed&a=1&userToken=more-hushed',
  )
  const alsoTaken = await send('pbx:next-hushed', '/simotel/token/path-hushed/')
  const refused = await send('pbx:guess-hushed', '/simotel/?password=wrong-hushed')
  const elsewhere = await send('pbx:right-hushed', '/token/hushed-elsewhere/9')
  const spooled = filesIn(bridge.spoolDir).map((file) => readFileSync(file))
  const modes = [
    bridge.spoolDir,
    ...readdirSync(bridge.spoolDir, { recursive: true, encoding: 'utf8' }).map((name) => join(bridge.spoolDir, name)),
  ]
    .map((path) => [statSync(path), path] as const)
    .filter(([stat]) => (stat.mode & 0o777) !== (stat.isDirectory() ? 0o700 : 0o600) && !stat.isSocket())
  bridge.redis.kill('SIGCONT')
  const worker = bridge.worker()
  await bridge.settled([ingress])

  assert.deepEqual(
    [taken, alsoTaken, refused, elsewhere].map((text) => text.slice(9, 12)),
    ['200', '200', '401', '404'],
  )
  assert.deepEqual(
    modes.map(([, path]) => path),
    [],
  )
  const kept = [...spooled, ...filesIn(bridge.redis.dir).map((file) => readFileSync(file))].map((bytes) =>
    bytes.toString('latin1'),
  )
  // The check itself: what must be kept is found by it, on the disk and in Redis' log.
  assert.ok(spooled.length > 0 && kept.filter((text) => text.includes('09121234567')).length >= 2)
  const secrets = /hushed|cGJ4O/
  assert.deepEqual(
    kept.filter((text) => secrets.test(text.replaceAll('redis-hushed', 'redis-…'))),
    [],
  )
  const log = JSON.stringify([...ingress.lines, ...worker.lines])
  assert.doesNotMatch(log, secrets)
  assert.doesNotMatch(log, /09121234567/)
  assert.match(log, /webhook acked/)
})

const hostile = [
  '}',
  '{0}:heads',
  'a}b{c',
  ':events:meta',
  'events:wait',
  "']] redis.call('FLUSHALL') --",
  '"; return redis.call("FLUSHALL")',
  'x\ny',
  'x\r\n*1\r\n$8\r\nFLUSHALL\r\n',
  'x\0y',
  ' ',
  'a b c',
  '%00',
  '%',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '-5',
  '12345',
  'meta',
  'wait',
  '1~2',
  '\u202e\ud800',
  '𐄀سلام',
  'x'.repeat(5_000),
  '{'.repeat(300),
]

test('injection, by ids, numbers, names, sources and paths from the wire, reaches no key, script or file of another', async (t) => {
  const w = await world(t, { env: { DUPLICATE_WINDOW_MS: '60000' } })
  const seen: Event[] = []
  const { app } = testIngress(t, {}, { enqueue: w.lanes.enqueue, claimEventId: w.lanes.claimEventId })
  const canary = `{${w.config.keys.prefix}:canary}`
  await w.redis.set(canary, 'alive')
  const bodies = hostile.flatMap((text) => [
    { event_name: 'Cdr', cuid: text, src: text, dst: text },
    { event_name: 'Cdr', cuid: text, src: 'second' },
    { event_name: 'NewState', exten: text, state: text },
    { event_name: text, unique_id: text },
    { event_name: 'IncomingCall', number: text },
  ])

  for (const [at, body] of bodies.entries()) {
    const url = `/simotel/${encodeURIComponent(Buffer.from(hostile[at % hostile.length]!).toString())}`
    const reply = await app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    })
    assert.equal(reply.statusCode, 200, JSON.stringify(body).slice(0, 100))
  }
  w.work({}, (event) => void seen.push(event))
  await w.emptied()

  assert.equal(seen.length, bodies.length)
  assert.equal(new Set(seen.map(({ eventId }) => eventId)).size, bodies.length)
  assert.deepEqual(seen.map(({ raw }) => raw.body).sort(), bodies.map((body) => JSON.stringify(body)).sort())
  for (const lane of new Set(seen.map((event) => event.lane))) {
    const sequences = seen.filter((event) => event.lane === lane).map(({ sequence }) => sequence)
    assert.deepEqual(
      sequences,
      sequences.toSorted((one, other) => one - other),
      lane,
    )
  }
  assert.equal(await w.redis.get(canary), 'alive')
  const keys = await keysOf(w.redis, w.config.keys.prefix)
  const form =
    /^\{test-[0-9a-f]+:0\}:(?:events(?::[\w~-]+(?::logs)?)?|heads|shards|sweeper|blocked|(?:call|lane|delivery|who):[!-~]{1,200})$/
  assert.deepEqual(
    keys.filter((key) => !form.test(key)),
    [],
  )
})

async function keysOf(redis: ReturnType<typeof inspect>, prefix: string): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `*${prefix}*`, 'COUNT', 1_000)
    cursor = next
    found.push(...keys.filter((key) => !key.endsWith(':canary}')))
  } while (cursor !== '0')
  return found
}
