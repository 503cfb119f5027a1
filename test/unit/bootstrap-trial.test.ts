/**
 * What `up --simulate` says of the events: fates from the worker's log, order per lane, readable lines, the banner.
 */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { SentWebhook } from '../../scripts/simulate/report.ts'
import { bannerOf, localUrl } from '../../scripts/up/banner.ts'
import { createLedger } from '../../scripts/up/ledger.ts'
import { createPrinter, moreTalkative, readLines } from '../../scripts/up/log-lines.ts'
import { overtakenOf } from '../../scripts/up/trial.ts'
import { loadConfig } from '../../src/config.ts'
import { waitFor } from '../support/wait.ts'

const done = (eventId: string, more: object = {}) => ({
  eventId,
  outcome: 'completed',
  attempt: 1,
  durationMs: 2,
  ...more,
})
const sent = (eventId: string, lane = 'call:1.1') => ({ eventId, lane, kind: 'event' }) as unknown as SentWebhook

test('ledger, of an event that is retried, keeps the last fate, and only the final one settles it', () => {
  const ledger = createLedger()

  ledger.take({ msg: 'event seen', eventId: 'a' })
  assert.equal(ledger.fateOf('a'), undefined)
  ledger.take(done('a', { outcome: 'retry', error: 'not yet' }))
  assert.equal(ledger.isFinal('a'), false)
  ledger.take(done('a', { attempt: 2 }))

  assert.equal(ledger.isFinal('a'), true)
  assert.deepEqual(ledger.fateOf('a'), { outcome: 'completed', attempts: 2, ms: 2, error: undefined, place: 2 })
})

test('trial, of events done in another order than sent, counts the overtaken of one lane, not of two', () => {
  const ledger = createLedger()
  for (const id of ['b', 'a', 'c', 'x']) ledger.take(done(id))

  assert.equal(overtakenOf([sent('b'), sent('a'), sent('c')], ledger), 0)
  assert.equal(overtakenOf([sent('a'), sent('b'), sent('c')], ledger), 1)
  assert.equal(overtakenOf([sent('x'), sent('a', 'exten:991')], ledger), 0)
  assert.equal(overtakenOf([sent('never'), sent('a')], ledger), 0)
})

test('log lines, of a process, are printed with its name, the event in words, and only from the level asked for', async () => {
  const out = new PassThrough()
  const print = createPrinter(out, { level: 'info', colours: false })
  const stream = new PassThrough()
  readLines(stream, (line) => print('worker', line))

  const record = {
    level: 'warn',
    time: '2026-01-01T10:00:00.000Z',
    msg: 'attempt failed',
    event: 'Cdr',
    lane: 'default/call:1.1',
    attempt: 2,
    durationMs: 3,
    eventId: 'e1',
    error: 'no',
    stack: 'Error: no\n    at process (workers/cdr.ts:3:9)',
    more: 1,
  }
  stream.write(
    `${JSON.stringify(record)}\n${JSON.stringify({ ...record, level: 'debug', msg: 'hidden' })}\n{"no":"log line"}\nplain text\n`,
  )
  stream.end()
  let printed = ''
  out.on('data', (chunk) => {
    printed += chunk
  })
  await waitFor(() => printed.endsWith('plain text\n'))

  const lines = printed.split('\n')
  assert.match(
    lines[0] ?? '',
    /^worker {2}\| \[\d\d:00:00\.000\] WARN: attempt failed {2}Cdr {2}in default\/call:1\.1 {2}attempt 2 {2}3 ms {2}\[e1\]: no \{"more":1\}$/,
  )
  assert.deepEqual(lines.slice(1), [
    'worker  |     at process (workers/cdr.ts:3:9)',
    'worker  | {"no":"log line"}',
    'worker  | plain text',
    '',
  ])
})

test('log levels, of two, the more talkative wins', () => {
  assert.equal(moreTalkative('silent', 'info'), 'info')
  assert.equal(moreTalkative('debug', 'info'), 'debug')
})

test('banner, on a machine in a network, names the address the PBX can reach, not that of a bridge of its own', () => {
  const { ingress, admin } = loadConfig({
    SIMOTEL_USERNAME: 'pbx',
    SIMOTEL_PASSWORD: 'hunter2',
    ADMIN_HOST: '0.0.0.0',
    ADMIN_PASSWORD: 'hunter2',
  })
  const ipv4 = (address: string) => [{ address, family: 'IPv4', internal: false } as never]

  const text = bannerOf({
    ingress,
    port: 3000,
    admin,
    adminPort: 3001,
    processorsDir: 'workers',
    redis: 'redis://127.0.0.1:7000',
    isReloading: true,
    isContainer: false,
    interfaces: { eth0: ipv4('192.168.7.20'), docker0: ipv4('172.17.0.1') },
  })

  assert.match(text, /Enter in Simotel +http:\/\/192\.168\.7\.20:3000\/simotel\/\n/)
  assert.match(text, /On this machine +http:\/\/127\.0\.0\.1:3000\/simotel\/\n/)
  assert.match(text, /Ops page +http:\/\/127\.0\.0\.1:3001\/ \(user admin, password as ADMIN_PASSWORD says\)\n/)
  assert.match(
    text,
    /npm run simulate -- --url http:\/\/127\.0\.0\.1:3000\/simotel\/ --calls 3 --user pbx --pass PASSWORD/,
  )
  assert.doesNotMatch(text, /172\.17|hunter2/)
})

test('the local address, of an ingress on every address, is the loopback; else it is the one listened on', () => {
  const url = (env: Record<string, string>) => localUrl(loadConfig(env).ingress, 3000).href

  assert.equal(url({ INGRESS_HOST: '::', WEBHOOK_PATH: '/' }), 'http://[::1]:3000/')
  assert.equal(url({ INGRESS_HOST: '10.1.2.3', WEBHOOK_PATH: '/pbx/' }), 'http://10.1.2.3:3000/pbx/')
})
