/**
 * Who may come in to the admin, and what a browser may not be made to do: passwords given and made, throttle, foreign sites,
 * names, headers; and what is answered while Redis is away.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Answer, basic, type TestAdmin, testAdmin } from '../support/admin.ts'
import { world } from '../support/lanes.ts'
import { cleanUp, inspect, startRedis, suiteRedisUrl, uniquePrefix } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const outside = { ADMIN_HOST: '0.0.0.0' }
const given = { ADMIN_USERNAME: 'mona', ADMIN_PASSWORD: 'the mountain: کوه' }
const mona = basic('mona', given.ADMIN_PASSWORD)

async function begun(t: TestContext, env: Record<string, string>): Promise<TestAdmin> {
  const prefix = env['KEY_PREFIX'] ?? uniquePrefix()
  cleanUp(t, prefix)
  const admin = await testAdmin(t, { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: prefix, ...env })
  await admin.begin()
  return admin
}

const refusal = ({ status, body }: Answer) => [status, body['code']]
const secretsIn = ({ lines }: TestAdmin) => lines.flatMap(({ secret }) => (typeof secret === 'string' ? [secret] : []))
const addresses = [
  '/',
  '/api/overview',
  '/api/openapi.json',
  '/api/dead',
  '/metrics',
  '/board',
  '/board/api/queues',
  '/nothing',
  '/assets/pages.css',
]

test('admin with a password, asked without it, with another or another user’s, tells nothing at any address', async (t) => {
  const admin = await begun(t, given)
  const wrong = [
    {},
    basic('mona', 'the mountain'),
    basic('admin', given.ADMIN_PASSWORD),
    { authorization: 'Basic ***' },
    { authorization: 'Bearer x' },
  ]

  for (const url of addresses) {
    for (const headers of wrong) {
      const answer = await admin.get(url, headers as Record<string, string>)
      assert.deepEqual(refusal(answer), [401, 'BRIDGE_UNAUTHORIZED'], `${url} ${JSON.stringify(headers)}`)
      assert.match(String(answer.headers['www-authenticate']), /^Basic realm="simotel-bridge admin"/)
    }
    if (url !== '/nothing') assert.equal((await admin.get(url, mona)).status, 200, url)
  }
  assert.deepEqual(refusal(await admin.post('/api/discard', { all: true })), [401, 'BRIDGE_UNAUTHORIZED'])
  assert.deepEqual((await admin.get('/healthz')).body, { ok: true })
  assert.equal((await admin.get('/readyz')).status, 200)
})

test('admin, guessed at more than 20 times a minute, answers that address 429, the right password and other addresses as ever', async (t) => {
  const admin = await begun(t, given)
  const from = (remoteAddress: string, headers: Record<string, string>) =>
    admin.app.inject({ url: '/api/blocked', remoteAddress, headers })

  const codes: number[] = []
  for (let at = 0; at < 25; at++) codes.push((await from('192.0.2.1', basic('mona', `guess ${at}`))).statusCode)

  assert.deepEqual(codes, [...Array(20).fill(401), ...Array(5).fill(429)])
  assert.equal((await from('192.0.2.1', mona)).statusCode, 200)
  assert.equal((await from('192.0.2.2', basic('mona', 'guess'))).statusCode, 401)
  assert.equal((await from('192.0.2.1', {})).statusCode, 401, 'no guess at all is none')
})

test('admin off loopback without a password, at its first start, makes one, says it once, and keeps it over starts', async (t) => {
  const KEY_PREFIX = uniquePrefix()
  const first = await begun(t, { ...outside, KEY_PREFIX })
  const [secret = ''] = secretsIn(first)

  const second = await begun(t, { ...outside, KEY_PREFIX })

  assert.match(secret, /^[\w-]{24}$/)
  assert.deepEqual([secretsIn(first).length, secretsIn(second)], [1, []])
  for (const admin of [first, second]) {
    assert.equal((await admin.get('/api/overview', basic('admin', secret))).status, 200)
    assert.equal((await admin.get('/api/overview', basic('admin', secret))).status, 200)
    assert.deepEqual(refusal(await admin.get('/api/overview', basic('other', secret))), [401, 'BRIDGE_UNAUTHORIZED'])
    assert.deepEqual(refusal(await admin.get('/api/overview', basic('admin', 'x'))), [401, 'BRIDGE_UNAUTHORIZED'])
    assert.deepEqual(refusal(await admin.get('/api/overview')), [401, 'BRIDGE_UNAUTHORIZED'])
  }
  const kept = await inspect(t).get(`{${KEY_PREFIX}:0}:admin-password`)
  assert.match(kept ?? '', /^scrypt \S+ \S+$/)
  assert.ok(!kept?.includes(secret))
})

test('admins off loopback, starting at once, agree on one password', async (t) => {
  const env = { ...outside, REDIS_URL: suiteRedisUrl(), KEY_PREFIX: uniquePrefix() }
  cleanUp(t, env.KEY_PREFIX)
  const admins = await Promise.all(Array.from({ length: 4 }, () => testAdmin(t, env)))

  await Promise.all(admins.map(({ begin }) => begin()))

  const secrets = admins.flatMap(secretsIn)
  assert.equal(secrets.length, 1)
  for (const admin of admins)
    assert.equal((await admin.get('/api/blocked', basic('admin', secrets[0] ?? ''))).status, 200)
})

test('admin on loopback without a password, is open to its own names and to no other', async (t) => {
  const admin = await begun(t, {})

  for (const host of ['localhost:3001', '127.0.0.1:3001', '127.0.0.1', '[::1]:3001', 'LOCALHOST'])
    assert.equal((await admin.get('/api/overview', { host })).status, 200, host)
  for (const host of [
    'evil.example',
    'evil.example:3001',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1:3001',
  ])
    assert.deepEqual(refusal(await admin.get('/api/overview', { host })), [403, 'BRIDGE_FORBIDDEN'], host)
  assert.equal((await admin.get('/healthz', { host: 'evil.example' })).status, 200)
})

test('admin, told to change something from another site, or in a form’s types, refuses, and changes nothing', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  await w.put('default/call:1.1', 'a')
  w.work()
  const admin = await testAdmin(t, { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: w.config.keys.prefix })
  await admin.begin()
  const dead = async () => ((await admin.get('/api/dead')).body['dead'] as unknown[]).length
  await waitFor(async () => (await dead()) === 1)

  const foreign = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:3002' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://localhost:3001', 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of foreign)
    assert.deepEqual(
      refusal(await admin.post('/api/discard', { all: true }, headers as Record<string, string>)),
      [403, 'BRIDGE_FORBIDDEN'],
      JSON.stringify(headers),
    )
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ])
    assert.deepEqual(
      refusal(await admin.post('/api/discard', { all: true }, { 'content-type': type })),
      [415, 'BRIDGE_BAD_REQUEST'],
      type,
    )
  assert.equal(await dead(), 1)

  const own = {
    origin: 'http://localhost:3001',
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json; charset=utf-8',
  }
  const done = await admin.post('/api/discard', { all: true }, own)
  assert.deepEqual([done.status, done.body['discarded']], [200, 1])
})

test('admin, in every answer, allows no script or style but its own, no frame, and no copy in a cache', async (t) => {
  const admin = await begun(t, {})

  for (const url of ['/', '/api/overview', '/metrics', '/nothing', '/board/api/queues']) {
    const { headers } = await admin.get(url)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /default-src 'none'/, url)
    assert.match(policy, /script-src 'self'(;|$)/, url)
    assert.match(policy, /frame-ancestors 'none'/, url)
    if (!url.startsWith('/board')) assert.doesNotMatch(policy, /unsafe/, url)
    assert.equal(headers['x-content-type-options'], 'nosniff', url)
    assert.equal(headers['cache-control'], 'no-store', url)
  }
})

test('admin, while Redis is away, says so at every address and does not end; when it is there, it begins', async (t) => {
  const redis = await startRedis(t)
  redis.kill('SIGKILL')
  await redis.died()
  const admin = await testAdmin(t, { REDIS_URL: redis.url, ...outside })
  let hasBegun = false
  const beginning = admin.begin().then(() => {
    hasBegun = true
  })
  const away = await admin.get('/api/overview', basic('admin', 'x'))
  const ready = await admin.get('/readyz')

  assert.deepEqual(refusal(away), [503, 'BRIDGE_REDIS_UNAVAILABLE'])
  assert.deepEqual(refusal(ready), [503, 'BRIDGE_UNAVAILABLE'])
  assert.equal((await admin.get('/healthz')).status, 200)
  assert.equal(hasBegun, false)

  await redis.restart()
  await beginning
  const [secret = ''] = secretsIn(admin)
  assert.equal((await admin.get('/api/overview', basic('admin', secret))).status, 200)
})

test('admin, when its Redis dies, answers 503 with a code, and 200 again when it is back', async (t) => {
  const redis = await startRedis(t)
  const admin = await testAdmin(t, { REDIS_URL: redis.url })
  await admin.begin()
  assert.equal((await admin.get('/api/overview')).status, 200)

  redis.kill('SIGKILL')
  await redis.died()
  await waitFor(async () => (await admin.get('/readyz')).status === 503)

  for (const url of [
    '/api/overview',
    '/api/calls/1.1',
    '/api/search?q=1',
    '/api/dead',
    '/api/errors',
    '/api/blocked',
    '/metrics',
    '/board/api/queues',
  ])
    assert.deepEqual(refusal(await admin.get(url)), [503, 'BRIDGE_REDIS_UNAVAILABLE'], url)
  assert.deepEqual(refusal(await admin.post('/api/replay', { all: true })), [503, 'BRIDGE_REDIS_UNAVAILABLE'])
  const page = await admin.get('/')
  assert.deepEqual([page.status, String(page.headers['content-type'])], [503, 'text/html; charset=utf-8'])
  assert.equal((await admin.get('/healthz')).status, 200)

  await redis.restart()
  await waitFor(async () => (await admin.get('/api/overview')).status === 200)
  await waitFor(async () => (await admin.get('/board/api/queues')).status === 200)
})

test('admin with another SHARDS than Redis holds, does not begin', async (t) => {
  const w = await world(t, { env: { SHARDS: '2' } })
  await w.put('default/call:1.1', 'a')
  const admin = await testAdmin(t, { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: w.config.keys.prefix })

  await assert.rejects(admin.begin(), { code: 'BRIDGE_SHARDS' })
})
