import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RedisUnavailableError } from '../../src/errors.ts'
import { addressesToEnter, type Listening } from '../../src/ingress/addresses.ts'
import { type LogLine, listen, testIngress } from '../support/ingress.ts'

/** A timer that runs when the test says so. */
function scripted() {
  let run: (() => void) | undefined
  let afterMs = 0
  return {
    after: (ms: number, what: () => void) => {
      run = what
      afterMs = ms
      return () => {
        run = undefined
      }
    },
    pass: () => run?.(),
    isSet: () => run !== undefined,
    ms: () => afterMs,
  }
}

const silence = (lines: readonly LogLine[]) => lines.filter((line) => 'causes' in line)
const causes = (lines: readonly LogLine[]) => JSON.stringify(silence(lines)[0]?.['causes'])
const post = { method: 'POST', url: '/simotel/', payload: '{"event_name":"Cdr","cuid":"1.2"}' } as const

test('first contact, when the ingress listens, logs the address to enter', async (t) => {
  const { app, lines } = testIngress(t, { SOURCES: 'tehran,karaj' })

  const port = await listen(app)

  const line = lines.find((one) => 'addresses' in one)
  assert.deepEqual(line?.['addresses'], [
    `http://127.0.0.1:${port}/simotel/tehran/`,
    `http://127.0.0.1:${port}/simotel/karaj/`,
  ])
})

test('first contact, for the first webhook of each source, logs where from, mode, method and id, once', async (t) => {
  const { app, lines } = testIngress(t, { SOURCES: 'tehran' })

  await app.inject({ ...post, remoteAddress: '192.168.1.20' })
  await app.inject(post)
  await app.inject({ method: 'GET', url: '/simotel/tehran/new%20state?event_name=NewState&exten=1' })

  const first = lines.filter((line) => line.msg === 'first webhook of this source')
  assert.deepEqual(
    first.map(({ source, from, mode, method, event, callId }) => [source, from, mode, method, event, callId]),
    [
      ['default', '192.168.1.20', 'G', 'POST', 'Cdr', '1.2'],
      ['tehran', '127.0.0.1', 'Rest', 'GET', 'NewState', null],
    ],
  )
})

test('first contact, after a minute in which nothing came, names all likely causes once', async (t) => {
  const timer = scripted()
  const { app, lines } = testIngress(t, {}, { after: timer.after })
  const port = await listen(app)

  assert.equal(timer.ms(), 60_000)
  timer.pass()

  assert.equal(silence(lines).length, 1)
  assert.equal(silence(lines)[0]?.level, 'warn')
  for (const cause of [`http://127.0.0.1:${port}/simotel/`, 'Firewall', 'ticked', 'WEBHOOK_PATH', 'assword']) {
    assert.match(causes(lines), new RegExp(cause))
  }
})

test('first contact, after an event within the minute, says nothing more', async (t) => {
  const timer = scripted()
  const { app, lines } = testIngress(t, {}, { after: timer.after })
  await listen(app)

  await app.inject(post)
  timer.pass()

  assert.equal(silence(lines).length, 0)
})

test('first contact, when the app closes, lets its timer go', async (t) => {
  const timer = scripted()
  const { app } = testIngress(t, {}, { after: timer.after })
  await listen(app)

  await app.close()

  assert.equal(timer.isSet(), false)
})

test('first contact, after a minute with refused requests only, says exactly what was seen', async (t) => {
  const refuse = async (
    env: Record<string, string>,
    requests: readonly object[],
    deps: Parameters<typeof testIngress>[2] = {},
  ) => {
    const timer = scripted()
    const { app, lines } = testIngress(t, env, { after: timer.after, ...deps })
    await listen(app)
    for (const request of requests) await app.inject({ remoteAddress: '10.9.8.7', ...request })
    timer.pass()
    assert.doesNotMatch(causes(lines), /Firewall/)
    return causes(lines)
  }

  assert.match(
    await refuse({ SIMOTEL_USERNAME: 'a', SIMOTEL_PASSWORD: 'b' }, [post, post]),
    /2 requests .*password, the last from 10\.9\.8\.7.*SIMOTEL_USERNAME/,
  )
  assert.match(await refuse({ ALLOWED_IPS: '10.0.0.1' }, [post]), /1 request .*ALLOWED_IPS.*10\.9\.8\.7/)
  assert.match(await refuse({}, [{ ...post, url: '/hook/Cdr' }]), /another path.*\/hook\/Cdr.*\/simotel\//)
  assert.match(await refuse({}, [{ url: '/simotel/' }]), /can be reached.*tick the boxes/)
  assert.match(await refuse({}, [{ ...post, payload: '{"app_name":"s1","src":"1"}' }]), /dialplan component/)
  assert.match(await refuse({}, [{ method: 'PUT', url: '/simotel/' }]), /PUT/)
  assert.match(
    await refuse({}, [post], { enqueue: async () => Promise.reject(new RedisUnavailableError('away')) }),
    /could not be kept/,
  )
})

const here: Listening = {
  host: '0.0.0.0',
  port: 3000,
  webhookPath: '/simotel',
  sources: [],
  isContainer: false,
  interfaces: {
    lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true, netmask: '', mac: '', cidr: '' }],
    eth0: [
      { address: '192.168.1.5', family: 'IPv4', internal: false, netmask: '', mac: '', cidr: '' },
      { address: 'fe80::1', family: 'IPv6', internal: false, netmask: '', mac: '', cidr: '', scopeid: 2 },
    ],
  },
}

test('addresses to enter, on every address of the machine, are those that the network sees', () => {
  assert.deepEqual(addressesToEnter(here).addresses, ['http://192.168.1.5:3000/simotel/'])
  assert.match(addressesToEnter(here).note, /every address/)
  assert.deepEqual(addressesToEnter({ ...here, webhookPath: '/', sources: ['a', 'b'] }).addresses, [
    'http://192.168.1.5:3000/a/',
    'http://192.168.1.5:3000/b/',
  ])
})

test('addresses to enter, on loopback, without a network, in a container, say what that means', () => {
  const loopback = addressesToEnter({ ...here, host: '127.0.0.1' })
  assert.deepEqual(loopback.addresses, ['http://127.0.0.1:3000/simotel/'])
  assert.match(loopback.note, /INGRESS_HOST=0\.0\.0\.0/)
  assert.deepEqual(addressesToEnter({ ...here, host: '10.1.1.1' }), {
    addresses: ['http://10.1.1.1:3000/simotel/'],
    note: '',
  })
  assert.deepEqual(addressesToEnter({ ...here, interfaces: {} }).addresses, ['http://127.0.0.1:3000/simotel/'])
  assert.deepEqual(addressesToEnter({ ...here, isContainer: true }).addresses, ['http://HOST:3000/simotel/'])
  assert.match(addressesToEnter({ ...here, isContainer: true }).note, /container/)
})
