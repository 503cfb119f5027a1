/**
 * `npm test` on a checkout of its own: a Redis for the tests, and nothing left of it, whatever happens.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitFor } from '../support/wait.ts'
import { checkout, nothingRuns } from './up-checkout.ts'

const testOf = (body: string) => `import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { test } from 'node:test'
const redis = new URL(process.env.REDIS_URL ?? '')
const answer = await new Promise<string>((resolve, reject) => {
  const socket = connect(Number(redis.port), redis.hostname, () => socket.write('CONFIG GET append*\\r\\nCONFIG GET maxmemory-policy\\r\\nQUIT\\r\\n'))
  let text = ''
  socket.on('data', (chunk) => { text += chunk })
  socket.on('error', reject)
  socket.on('close', () => resolve(text.replace(/\\s+/g, ' ')))
})
test('a test', async () => {
  ${body}
})
`
const leftFolders = (tmp: string) => readdirSync(tmp).filter((name) => name.startsWith('simotel-bridge-test-'))

test('npm test, gives the tests a durable Redis and its program, and removes both when they pass', async (t) => {
  const { dir, run, write } = checkout(t)
  mkdirSync(join(dir, 'tmp'))
  write(
    'test/unit/a.test.ts',
    testOf(`assert.match(answer, /appendonly \\$3 yes/)
  assert.match(answer, /appendfsync \\$6 always/)
  assert.match(answer, /noeviction/)
  assert.match(String(spawnSync(process.env.REDIS_SERVER ?? '', ['--version']).stdout), /v=/)`),
  )

  const tests = run(['npm', 'test'], { TMPDIR: join(dir, 'tmp') })
  const code = await tests.ended()

  assert.equal(code, 0, tests.output)
  assert.match(tests.output, /✔ a test/)
  assert.deepEqual(leftFolders(join(dir, 'tmp')), [])
  await nothingRuns(dir)
})

test('npm test, when a test fails, ends with its status and leaves nothing', async (t) => {
  const { dir, run, write } = checkout(t)
  mkdirSync(join(dir, 'tmp'))
  write('test/unit/a.test.ts', testOf('assert.equal(answer, 1)'))
  write('test/unit/b.test.ts', testOf('assert.ok(answer)'))

  const all = run(['test'], { TMPDIR: join(dir, 'tmp') })
  const one = run(['test', 'test/unit/b.test.ts'], { TMPDIR: join(dir, 'tmp') })

  assert.equal(await all.ended(), 1, all.output)
  assert.equal(await one.ended(), 0, one.output)
  assert.deepEqual(leftFolders(join(dir, 'tmp')), [])
  await nothingRuns(dir)
})

test('npm test, told to stop, ends the tests and leaves nothing; killed outright, the next run cleans up', async (t) => {
  const { dir, run, write } = checkout(t)
  const tmp = join(dir, 'tmp')
  mkdirSync(tmp)
  write(
    'test/unit/a.test.ts',
    testOf(`const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  console.log('it runs', child.pid)
  await new Promise(() => {})`),
  )
  write('test/unit/b.test.ts', testOf('assert.ok(answer)'))

  const stopped = run(['test', 'test/unit/a.test.ts'], { TMPDIR: tmp })
  await stopped.printed(/it runs/)
  stopped.kill('SIGTERM')
  assert.equal(await stopped.ended(), 143, stopped.output)
  assert.deepEqual(leftFolders(tmp), [])
  await nothingRuns(dir)

  const killed = run(['test', 'test/unit/a.test.ts'], { TMPDIR: tmp })
  await killed.printed(/it runs/)
  killed.kill('SIGKILL')
  assert.equal(leftFolders(tmp).length, 1)
  await run(['test', 'test/unit/b.test.ts'], { TMPDIR: tmp }).ended()
  assert.deepEqual(leftFolders(tmp), [])
})

test('npm test, without a Redis and no way to install one, ends with the command to run and skips nothing', async (t) => {
  const { dir, run, write } = checkout(t)
  write('test/unit/a.test.ts', testOf('assert.ok(answer)'))
  mkdirSync(join(dir, 'bin'))
  symlinkSync(process.execPath, join(dir, 'bin/node'))

  const tests = run(['test'], { PATH: join(dir, 'bin') })
  const code = await tests.ended()

  assert.equal(code, 1, tests.output)
  assert.match(tests.output, /A Redis server is needed and none is installed\. Run:\n\n {2}\S+.*\n/)
  assert.match(tests.output, /npm test/)
  assert.doesNotMatch(tests.output, /✔/)
})

test('npm test, with an unreachable REDIS_URL, says so; with one that answers, starts no server of its own', async (t) => {
  const { dir, run, write } = checkout(t)
  const url = process.env['REDIS_URL'] ?? ''
  const tmp = join(dir, 'tmp')
  mkdirSync(tmp)
  write('test/unit/a.test.ts', testOf(`assert.equal(redis.href, '${new URL(url).href}')`))

  const wrong = run(['test'], { REDIS_URL: 'redis://127.0.0.1:1', TMPDIR: tmp })
  const right = run(['test'], { REDIS_URL: url, TMPDIR: tmp })

  assert.equal(await wrong.ended(), 1)
  assert.match(wrong.output, /REDIS_URL=redis:\/\/127\.0\.0\.1:1 does not answer/)
  assert.equal(await right.ended(), 0, right.output)
  await waitFor(() => existsSync(tmp) && leftFolders(tmp).length === 0)
})
