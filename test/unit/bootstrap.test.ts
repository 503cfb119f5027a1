/**
 * What bootstrap and `up` decide before anything runs: Node, packages, Redis, options, settings, files.
 */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { claim, identityOf, isAlive, noteRedis, readClaim, release } from '../../scripts/bootstrap/claim.ts'
import { advice, redisBinary } from '../../scripts/bootstrap/redis-binary.ts'
import { testProgram } from '../../scripts/bootstrap/test-programs.ts'
import { findTests } from '../../scripts/bootstrap/tests.ts'
import { parseUpOptions } from '../../scripts/up/options.ts'
import { namesRedis, upEnv } from '../../scripts/up/settings.ts'
import { describe } from '../../scripts/up/type-check.ts'
import { differences } from '../../scripts/up/watch.ts'

type Lockfile = { packages: Record<string, { version?: string; optional?: boolean; devOptional?: boolean }> }
// Plain JavaScript, since it runs before anything is installed; so its types are said here.
const {
  nodeIsRecent,
  missingPackages,
}: {
  nodeIsRecent(version: string): boolean
  missingPackages(lockfile: Lockfile, installed: Lockfile | undefined): string[]
} = await import(new URL('../../scripts/bootstrap.mjs', import.meta.url).href)

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bridge-bootstrap-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('bootstrap, of Node versions, takes 20.19 and later', () => {
  const taken = ['18.20.8', '20.18.3', '20.19.0', '20.20.2', '21.0.0', '22.1.0', '24.0.0', '26.10.0'].filter(
    nodeIsRecent,
  )

  assert.deepEqual(taken, ['20.19.0', '20.20.2', '21.0.0', '22.1.0', '24.0.0', '26.10.0'])
})

test('bootstrap, given what is installed, finds what is missing or of another version, but no optional package', () => {
  const lockfile = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/same': { version: '1.0.0' },
      'node_modules/older': { version: '2.0.0' },
      'node_modules/gone': { version: '1.0.0' },
      'node_modules/for-another-platform': { version: '1.0.0', optional: true },
    },
  }
  const installed = {
    packages: { 'node_modules/same': { version: '1.0.0' }, 'node_modules/older': { version: '1.9.0' } },
  }

  assert.deepEqual(missingPackages(lockfile, installed), ['node_modules/older', 'node_modules/gone'])
  assert.deepEqual(missingPackages(lockfile, undefined).length, 3)
})

test('bootstrap, where no Redis can be installed, gives the command of the platform', () => {
  const on = (platform: NodeJS.Platform, distribution = '', isRoot = false) =>
    advice({ platform, distribution, isRoot }, 'up')

  assert.match(on('darwin'), /\n {2}brew install redis\n\nthen npm run up again/)
  assert.match(on('linux', 'ubuntu debian'), /\n {2}sudo apt-get update && sudo apt-get install -y redis-server\n/)
  assert.match(on('linux', 'debian', true), /\n {2}apt-get update && apt-get install -y redis-server\n/)
  assert.match(on('linux', 'fedora'), /\n {2}sudo dnf install -y valkey/)
  assert.match(on('linux', 'nixos'), /docker run .*--appendfsync always .*noeviction\n {2}REDIS_URL=\S+ npm run up/)
  assert.match(on('win32'), /docker run .*\n {2}set "REDIS_URL=redis:\/\/127\.0\.0\.1:6379" && npm run up/)
  assert.match(advice({ platform: 'darwin', distribution: '', isRoot: false }, 'test'), /then npm test again/)
})

test('bootstrap, looking for a Redis server, takes redis-server or valkey-server from PATH, and names a wrong REDIS_SERVER', async (t) => {
  const dir = temporary(t)
  const say = () => assert.fail('nothing is to be installed')
  writeFileSync(join(dir, 'valkey-server'), '#!/bin/sh\n', { mode: 0o755 })

  assert.equal(await redisBinary({ PATH: dir }, 'test', say), join(dir, 'valkey-server'))
  writeFileSync(join(dir, 'redis-server'), '#!/bin/sh\n', { mode: 0o755 })
  assert.equal(await redisBinary({ PATH: `/nowhere:${dir}` }, 'test', say), join(dir, 'redis-server'))
  await assert.rejects(
    redisBinary({ PATH: dir, REDIS_SERVER: '/nowhere/redis' }, 'test', say),
    /REDIS_SERVER=\/nowhere\/redis/,
  )
})

test('bootstrap, looking for nginx, takes it from PATH, and has a reason instead of an error where there is none', async (t) => {
  const dir = temporary(t)
  const say = () => assert.fail('nothing is to be installed')
  writeFileSync(join(dir, 'nginx'), '#!/bin/sh\n', { mode: 0o755 })

  assert.deepEqual(await testProgram('nginx', { PATH: dir }, say), { path: join(dir, 'nginx') })
  assert.deepEqual(await testProgram('nginx', { PATH: dir, NGINX: '/nowhere/nginx' }, say), {
    path: undefined,
    why: 'NGINX=/nowhere/nginx is not a program',
  })
})

test('bootstrap, on a machine with neither Redis nor apt on PATH, ends with a command to run', async (t) => {
  const dir = temporary(t)

  await assert.rejects(
    redisBinary({ PATH: dir }, 'up', () => {}),
    /A Redis server is needed and none is installed\. Run:\n\n {2}\S+/,
  )
})

test('claim, of a folder that a living process owns, is refused; of a dead one, is taken over with its Redis on record', (t) => {
  const dir = temporary(t)
  const dead = { pid: process.pid, started: 'at another time' }
  const redis = { pid: 1, started: 'long ago', port: 7000 }
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ owner: dead, redis }))

  assert.deepEqual(claim(dir), { taken: undefined, before: { owner: dead, redis } })
  assert.deepEqual(readClaim(dir), { owner: identityOf(process.pid), redis })
  noteRedis(dir, { ...redis, port: 7001 })
  const second = claim(dir)
  assert.equal(second.taken?.owner.pid, process.pid)
  assert.equal(readClaim(dir)?.redis?.port, 7001)
  release(dir)
  assert.equal(claim(dir).taken, undefined)
})

test('claim, with a torn file in its place, takes the folder', (t) => {
  const dir = temporary(t)
  writeFileSync(join(dir, 'owner.json'), '{"owner":')

  assert.deepEqual(claim(dir), { taken: undefined, before: undefined })
})

test('a process, by its identity, is alive only if it is that very one', () => {
  const self = identityOf(process.pid)

  assert.ok(self !== undefined && isAlive(self))
  assert.equal(isAlive({ ...self, started: 'another time' }), false)
  assert.equal(identityOf(2 ** 22 + 1), undefined)
})

test('npm test, given folders and files, runs the tests in them, each once; nothing found is an error', (t) => {
  const dir = temporary(t)
  mkdirSync(join(dir, 'deep'))
  for (const name of ['a.test.ts', 'deep/b.test.ts', 'c.ts']) writeFileSync(join(dir, name), '')

  assert.deepEqual(findTests([dir, join(dir, 'a.test.ts')]), [join(dir, 'a.test.ts'), join(dir, 'deep/b.test.ts')])
  assert.throws(() => findTests([join(dir, 'none')]), /none does not exist/)
  mkdirSync(join(dir, 'empty'))
  assert.throws(() => findTests([join(dir, 'empty')]), /No \*\.test\.ts in/)
})

test('npm test, given nothing, runs the tests of workers too', () => {
  const files = findTests([])

  assert.ok(files.some((file) => file.startsWith('test/unit/')) && files.some((file) => file.startsWith('workers/')))
})

test('up, of its options, takes --simulate N and --once with it, and refuses the rest with help', () => {
  assert.deepEqual(parseUpOptions([]), { simulate: 0, once: false })
  assert.deepEqual(parseUpOptions(['--simulate', '3', '--once']), { simulate: 3, once: true })
  assert.deepEqual(parseUpOptions(['--simulate=3']), { simulate: 3, once: false })
  assert.equal(parseUpOptions(['-h']), 'help')
  for (const wrong of [
    ['--simulate'],
    ['--simulate', '0'],
    ['--simulate', 'x'],
    ['--once'],
    ['more'],
    ['--calls', '3'],
  ])
    assert.throws(() => parseUpOptions(wrong), /\n\nUsage: npm run up/, wrong.join(' '))
})

test('up, of its settings, puts the environment over .env and takes empty values for none', (t) => {
  const file = join(temporary(t), '.env')
  writeFileSync(file, 'ATTEMPTS=3\nSHARDS=2\nREDIS_URL=\n# LOG_LEVEL=debug\n')

  const { env, fromFile } = upEnv({ SHARDS: '4', ATTEMPTS: '', REDIS_URL: '' }, file)

  assert.deepEqual(env, { WORKERS_DIR: 'workers', ATTEMPTS: '3', SHARDS: '4' })
  assert.deepEqual(fromFile, ['ATTEMPTS'])
  assert.deepEqual(upEnv({}, `${file}.none`), { env: { WORKERS_DIR: 'workers' }, fromFile: [] })
})

test('up, of the Redis settings, starts its own server only if none of them names one', () => {
  assert.equal(namesRedis({ REDIS_URL: '', KEY_PREFIX: 'x' }), false)
  for (const name of ['REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'])
    assert.ok(namesRedis({ [name]: 'x' }), name)
})

test('up, of the compiler’s output, makes one sentence a file with line and remedy', () => {
  const output = [
    "workers/a.ts(4,9): error TS2339: Property 'nothing' does not exist on type '{}'.",
    "workers/a.ts(5,9): error TS2551: Property 'x' does not exist on type '{}'.",
    "workers/b.ts(2,3): error TS2345: Argument of type '\"NewSate\"' is not assignable to parameter of type 'readonly ProcessorName[] | ProcessorName'.",
    '  more of the same',
    "workers/c.ts(1,1): error TS1005: ';' expected.",
    '',
  ].join('\n')

  const [a, b, c, ...none] = describe(output)

  assert.deepEqual(none, [])
  assert.match(
    a ?? '',
    /^workers\/a\.ts does not type-check: line 4 uses nothing, which is not there .*\n[\s\S]*and 1 more in this file$/,
  )
  assert.match(
    b ?? '',
    /^workers\/b\.ts .* line 2 names the event NewSate, .*did you mean NewState\?\): correct the name\.\n[\s\S]*more of the same$/,
  )
  assert.match(c ?? '', /^workers\/c\.ts does not type-check: correct line 1, .*\n.*TS1005/)
})

test('up, of two looks at the files, sees what came, went and changed', () => {
  const before = new Map([
    ['same', '1'],
    ['changed', '1'],
    ['gone', '1'],
  ])
  const after = new Map([
    ['same', '1'],
    ['changed', '2'],
    ['new', '1'],
  ])

  assert.deepEqual(differences(before, after).sort(), ['changed', 'gone', 'new'])
})
