import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressCheck } from '../../src/ingress/access.ts'
import { createWindowCount } from '../../src/ingress/throttle.ts'
import { testIngress } from '../support/ingress.ts'

const basic = (pair: string | Buffer) => `Basic ${Buffer.from(pair).toString('base64')}`
const secured = { SIMOTEL_USERNAME: 'pbx', SIMOTEL_PASSWORD: 'old:pass', SIMOTEL_PASSWORD_NEXT: 'neu-é' }
const post = { method: 'POST', url: '/simotel/', payload: 'x' } as const

test('access, given either password during a change, takes the event', async (t) => {
  const { app, events } = testIngress(t, secured)
  for (const pair of ['pbx:old:pass', 'pbx:neu-é', Buffer.from('pbx:neu-é', 'latin1')]) {
    assert.equal((await app.inject({ ...post, headers: { authorization: basic(pair) } })).statusCode, 200)
  }
  assert.equal(
    (await app.inject({ ...post, headers: { authorization: basic('pbx:old:pass').replace('Basic', 'basic') } }))
      .statusCode,
    200,
  )
  assert.equal(events.length, 4)
})

test('access, given wrong or missing credentials, answers 401 with a challenge and stores nothing', async (t) => {
  const { app, events } = testIngress(t, secured)
  for (const authorization of [
    undefined,
    '',
    'Basic',
    'Basic ',
    'Basic !!!',
    'Bearer abc',
    basic(''),
    basic(':'),
    basic('pbx'),
    basic('pbx:'),
    basic('pbx:old'),
    basic('pbx:old:pas'),
    basic('pbx:old:pass '),
    basic('PBX:old:pass'),
    basic('other:old:pass'),
    basic(':old:pass'),
  ]) {
    const reply = await app.inject({ ...post, headers: authorization === undefined ? {} : { authorization } })

    assert.deepEqual([reply.statusCode, reply.json().code], [401, 'BRIDGE_UNAUTHORIZED'], authorization)
    assert.match(String(reply.headers['www-authenticate']), /^Basic realm=/)
  }
  assert.equal(events.length, 0)
})

test('access, between right credentials of either password, refuses what differs from them at its end or in its length', async (t) => {
  const { app, events } = testIngress(t, secured)
  let asked = 0
  const statusOf = async (authorization: string) => {
    asked += 1
    return (await app.inject({ ...post, remoteAddress: `10.0.0.${asked}`, headers: { authorization } })).statusCode
  }

  for (const right of [basic('pbx:old:pass'), basic('pbx:neu-é'), `${basic('pbx:old:pass')}${' '.repeat(300)}`]) {
    assert.equal(await statusOf(right), 200)
    assert.equal(await statusOf(right), 200)
    for (const pair of ['pbx:old:pasS', 'pbx:old:pas', 'pbx:old:pass1', 'pbx:neu-è', 'pbx:neu-', 'pbx:neu-éé', '']) {
      assert.equal(await statusOf(basic(pair)), 401, pair)
    }
    assert.equal(await statusOf(`${basic('pbx:old:pass')}!`), 401)
  }
  assert.equal(events.length, 6)
})

test('access, with credentials set, lets health through without and nothing under WEBHOOK_PATH', async (t) => {
  const { app } = testIngress(t, secured)

  assert.equal((await app.inject('/healthz')).statusCode, 200)
  assert.equal((await app.inject('/readyz')).statusCode, 200)
  assert.equal((await app.inject('/simotel/')).statusCode, 401)
  assert.equal((await app.inject({ ...post, headers: { authorization: basic('pbx:wrong') } })).statusCode, 401)
})

test('access, after many failures of one address, answers it 429 until a minute is over, and right credentials 200', async (t) => {
  let nowMs = 0
  const { app, lines } = testIngress(t, secured, { now: () => nowMs })
  const wrong = (remoteAddress: string) =>
    app.inject({ ...post, remoteAddress, headers: { authorization: basic('pbx:guess') } })

  const statuses = []
  for (let i = 0; i < 22; i++) statuses.push((await wrong('10.0.0.1')).statusCode)
  const right = await app.inject({
    ...post,
    remoteAddress: '10.0.0.1',
    headers: { authorization: basic('pbx:old:pass') },
  })
  const other = await wrong('10.0.0.2')
  const locked = await wrong('10.0.0.1')
  nowMs = 60_000
  const later = await wrong('10.0.0.1')

  assert.deepEqual(statuses, [...Array(20).fill(401), 429, 429])
  assert.equal(right.statusCode, 200)
  assert.equal(other.statusCode, 401)
  assert.deepEqual([locked.statusCode, locked.headers['retry-after'], locked.json().ok], [429, '60', false])
  assert.equal(later.statusCode, 401)
  assert.equal(lines.filter((line) => line.level === 'warn').length, 2)
  assert.doesNotMatch(JSON.stringify(lines), /guess/)
})

test('access, with ALLOWED_IPS, answers others 403, whatever their credentials', async (t) => {
  const { app, events } = testIngress(t, { ...secured, ALLOWED_IPS: '192.168.1.0/24,fd00::/8' })
  const from = async (remoteAddress: string) =>
    (await app.inject({ ...post, remoteAddress, headers: { authorization: basic('pbx:old:pass') } })).statusCode

  assert.equal(await from('192.168.1.77'), 200)
  assert.equal(await from('::ffff:192.168.1.77'), 200)
  assert.equal(await from('fd00::1'), 200)
  assert.equal(await from('192.168.2.1'), 403)
  assert.equal(await from('::ffff:192.168.2.1'), 403)
  assert.equal(await from('fe80::1'), 403)
  assert.equal(events.length, 3)
})

test('access, given a forged X-Forwarded-For, goes by the address of the connection unless that is a proxy', async (t) => {
  const allowed = { ALLOWED_IPS: '192.168.1.5' }
  const direct = testIngress(t, allowed)
  const proxied = testIngress(t, { ...allowed, TRUST_PROXY: '10.0.0.0/24' })
  const status = async ({ app }: typeof direct, remoteAddress: string, forwarded: string) =>
    (await app.inject({ ...post, remoteAddress, headers: { 'x-forwarded-for': forwarded } })).statusCode

  assert.equal(await status(direct, '10.0.0.1', '192.168.1.5'), 403)
  assert.equal(await status(proxied, '10.0.9.9', '192.168.1.5'), 403)
  assert.equal(await status(proxied, '10.0.0.1', '192.168.1.5'), 200)
  assert.equal(await status(proxied, '::ffff:10.0.0.1', '192.168.1.5'), 200)
  // The proxy appends the address it saw; what stands before it is the client's own word.
  assert.equal(await status(proxied, '10.0.0.1', '192.168.1.5, 203.0.113.9'), 403)
  assert.equal(await status(proxied, '10.0.0.1', '203.0.113.9, 192.168.1.5'), 200)
  assert.equal(await status(proxied, '10.0.0.1', 'nonsense'), 403)
  assert.equal(await status(proxied, '10.0.0.1', ''), 403)
})

test('addressCheck, given ranges of both families, tells addresses apart', () => {
  const check = addressCheck(['10.0.0.0/8', '::ffff:192.168.0.0/112', '2001:db8::1'])

  assert.deepEqual(
    ['10.1.2.3', '::ffff:10.1.2.3', '192.168.44.1', '2001:db8::1', 'fe80::1%eth0', '11.0.0.1', '192.169.0.1', ''].map(
      check,
    ),
    [true, true, true, true, false, false, false, false],
  )
})

test('window count, given more keys than it remembers, forgets the oldest and stays bounded', () => {
  const count = createWindowCount(1_000, () => 0, 2)

  assert.deepEqual(
    ['a', 'a', 'b', 'c', 'c', 'a'].map((key) => count.add(key)),
    [1, 2, 1, 1, 2, 1],
  )
})

test('window count, when the clock steps back, starts anew rather than count for ever', () => {
  let nowMs = 10_000
  const count = createWindowCount(1_000, () => nowMs)
  count.add('a')
  nowMs = 0

  assert.equal(count.add('a'), 1)
})
