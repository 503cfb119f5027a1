/**
 * What security rests on and no request shows: what the code never does, what is installed and how, how containers run, and
 * that docs/security.md says what is so.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../src/event/stored.ts'
import { eventIn } from '../fixtures/webhook.ts'
import { wireForms } from '../fixtures/wire-forms.ts'
import { testIngress } from '../support/ingress.ts'
import { blankComments, filesUnder, read } from '../support/source.ts'

const compose = read('docker-compose.yml')
/** But for the script that runs in the browser of the admin pages and speaks to the process it came from. */
const source = filesUnder('src', /\.ts$/)
  .filter((file) => file !== 'src/admin/pages/script.ts')
  .map((file) => ({ file, text: blankComments(read(file)) }))
const filesWith = (pattern: RegExp) => source.filter(({ text }) => pattern.test(text)).map(({ file }) => file)

test('source, of calls to the outside, has none but those to Redis and to the collector of traces that is set', () => {
  assert.deepEqual(filesWith(/(?<![.\w])fetch\(|node:(?:https|http2|dns|dgram|tls)'|\bundici\b|\baxios\b/), [
    'src/otlp.ts',
  ])
  // To its own port, so that nobody else gets in while it shuts; and to ask whether a spool's owner lives, on a Unix socket.
  assert.deepEqual(
    filesWith(/\b(?:connect|createConnection)\(.*\bpath\b|import \{[^}]*\bconnect\b[^}]*\} from 'node:net'/),
    ['src/ingress/closing.ts', 'src/spool/owner-socket.ts'],
  )
  assert.deepEqual(filesWith(/\b(?:request|get)\b[^}]*\} from 'node:http'/), [])
})

test('source, of ways to run a text, and of decompression, has none', () => {
  assert.deepEqual(
    filesWith(
      /\beval\(|\bnew Function\b|child_process|node:vm'|node:worker_threads|create(?:Gunzip|Inflate|Unzip|BrotliDecompress)|(?:gunzip|inflate|unzip|brotliDecompress)(?:Sync|Raw)?\(/,
    ).filter((file) => !/pipeline\.eval\(/.test(read(file))),
    [],
  )
})

test('source, where credentials are compared, compares digests in constant time only', () => {
  const access = source.find(({ file }) => file === 'src/ingress/access.ts')?.text ?? ''

  assert.match(access, /hash\('sha256'/)
  assert.match(access, /timingSafeEqual/)
  assert.doesNotMatch(access, /(?:password|username|authorization|expected|given)\w*\s*[!=]==?\s*(?!undefined)/)
})

test('scripts for Redis, of what comes from the wire, have nothing in their text', () => {
  const interpolated = filesUnder('src/queue/fused', /\.ts$/).flatMap((file) =>
    [...read(file).matchAll(/\$\{([^}]+)\}/g)].map(([, what = '']) => `${file}: ${what}`),
  )

  assert.ok(interpolated.length > 0)
  // Constants of ours, BullMQ's scripts, and the text of an error.
  const known =
    /: (?:inlined\(.*|removeJobLua|script|name|shared|outOfTurn|maxAttemptLines|maxLanesPerTerm|argumentsPerEvent|notOurs|JSON\.stringify\(jobOptions\)|installed\.version|foreign\.join\(.*|[a-z]+Lua|args\..*|command|keys\.base)$/
  assert.deepEqual(
    interpolated.filter((text) => /\.lua\.ts: /.test(text) && !known.test(text)),
    [],
  )
})

test('ingress, of connections and their time, has limits', (t) => {
  const { app } = testIngress(t)
  const { server, initialConfig } = app

  assert.deepEqual(
    [server.maxConnections, server.requestTimeout, server.headersTimeout, initialConfig.bodyLimit],
    [5_000, 2_000, 1_000, 1_048_576],
  )
})

test('objects, after payloads that name their prototype in every wire form, are as they were', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']
  const evil = (name: string) =>
    JSON.parse(
      `{"event_name":"NewState","exten":"1","${name}":{"isPolluted":"yes","prototype":{"isPolluted":"yes"},"x":[{"__proto__":{"isPolluted":"yes"}}]}}`,
    )
  const before = Object.getOwnPropertyNames(Object.prototype)

  for (const name of names) {
    for (const [form, raw] of wireForms(evil(name), '/')) {
      const event = eventIn(raw)
      assert.equal((event.data as { isPolluted?: string }).isPolluted, undefined, form)
      assert.equal(typeof encode(event), 'string', form)
    }
  }

  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before)
  assert.equal(({} as { isPolluted?: string }).isPolluted, undefined)
  assert.equal(([] as { isPolluted?: string }).isPolluted, undefined)
})

test('lockfile, of every package, has the sum and no address; the manifest names exact versions', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { integrity?: string; resolved?: string; link?: boolean }>
  }
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const installed = Object.entries(packages).filter(([path]) => path !== '')

  assert.deepEqual(
    installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    [],
  )
  assert.deepEqual(
    installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  )
  const versions = Object.entries({ ...dependencies, ...devDependencies })
  assert.deepEqual(
    versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  )
})

test('installation, in CI, image and bootstrap, runs no scripts of packages and takes what the lockfile names', () => {
  for (const file of ['.ci/run', 'Dockerfile']) {
    const installs = read(file).match(/npm (?:ci|i|install)\b.*/g) ?? []
    assert.ok(
      installs.length > 0 && installs.every((line) => /^npm ci .*--ignore-scripts/.test(line)),
      `${file}: ${installs}`,
    )
  }
  assert.match(read('scripts/bootstrap.mjs'), /'ci',\s*'--ignore-scripts'/)
})

test('containers, each of them, run without privileges, on a file system that cannot be written', () => {
  const hardened = /^x-hardened: &hardened\n((?: {2}.*\n)+)/m.exec(compose)?.[1] ?? ''
  for (const line of [
    'read_only: true',
    'cap_drop: [ALL]',
    'security_opt: ["no-new-privileges:true"]',
    'tmpfs: [/tmp]',
  ])
    assert.ok(hardened.includes(line), line)

  const services = (/^services:\n([\s\S]*?)^volumes:/m.exec(compose)?.[1] ?? '')
    .split(/^(?= {2}[a-z-]+:$)/m)
    .filter((text) => /^ {2}[a-z-]+:\n/.test(text))
  assert.ok(services.length >= 4)
  for (const service of services) {
    const name = service.trim().split(':')[0] ?? ''
    assert.match(service, /<<: \*hardened/, name)
    assert.doesNotMatch(service, /privileged|network_mode|pid:|docker\.sock|read_only: false|^ {4}user: root/m, name)
    if (name !== 'redis') assert.doesNotMatch(service, /cap_add/, name)
  }
  assert.doesNotMatch(
    services.find((text) => text.startsWith('  redis:')) ?? '',
    /ports:/,
    'Redis is published to nobody',
  )
})

test('image, of every process, ends as a user other than root', () => {
  const stages = read('Dockerfile')
    .split(/^FROM /m)
    .slice(1)
  const runtime = stages.find((stage) => / AS runtime\n/.test(stage)) ?? ''
  assert.match(runtime, /\nUSER node\s*$/)

  const targets = stages.filter((stage) => /^runtime AS /.test(stage))
  assert.ok(targets.length >= 3)
  for (const target of targets)
    assert.notEqual([...target.matchAll(/^USER (\w+)/gm)].at(-1)?.[1], 'root', target.split('\n')[0])
})
