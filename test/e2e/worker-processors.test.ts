/** The worker as a process, and the processors it is given: wrong ones stop it at start, stray failures of good ones do not stop it. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { world } from '../support/lanes.ts'
import { startProcess } from '../support/processes.ts'
import { suiteRedisUrl, uniquePrefix } from '../support/redis.ts'

/** A folder of processors inside the project, where #bridge leads somewhere. */
async function folder(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir('.tmp', { recursive: true })
  const dir = await mkdtemp('.tmp/worker-')
  t.after(() => rm(dir, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
  return dir
}

const any = (body: string) => `import { defineProcessor } from '#bridge'
export default defineProcessor('*', { attempts: 1 }, async (event, ctx) => { ${body} })
`

test('worker process, given wrong settings, names all of them plainly and exits 1', async (t) => {
  const worker = startProcess(t, 'worker', { ATTEMPTS: '0', PROCESSOR_TIMEOUT_MS: 'soon' })

  assert.equal(await worker.exit, 1)
  const text = worker.lines.map((line) => line['text']).join('\n')
  assert.match(text, /^Settings are wrong:\n {2}PROCESSOR_TIMEOUT_MS=soon .*\n {2}ATTEMPTS=0 /)
})

test('worker process, given processors that cannot be used, names all of them plainly and exits 1', async (t) => {
  const dir = await folder(t, { 'a.ts': 'export const cdr = 1', 'b.ts': any(''), 'c.ts': any('') })
  const worker = startProcess(t, 'worker', { WORKERS_DIR: dir })

  assert.equal(await worker.exit, 1)
  const text = worker.lines.map((line) => line['text'] ?? '').join('\n')
  assert.match(text, /2 things are wrong with the processors:/)
  assert.match(text, /a\.ts has no default export/)
  assert.match(text, /b\.ts and \S+c\.ts are both for '\*'/)
  assert.ok(!text.includes('    at '), 'a stack helps nobody here')
})

test('worker process, whose processor leaves a failing promise behind, logs it masked and goes on', async (t) => {
  const dir = await folder(t, { 'any.ts': any("void Promise.reject(new Error('stray 09120000101'))") })
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix } })
  const worker = startProcess(t, 'worker', { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: prefix, WORKERS_DIR: dir })

  await w.put('default/call:1', 'a', 'b')

  const line = await worker.line(({ error }) => String(error).includes('stray'))
  assert.deepEqual([line['level'], line['error']], ['error', 'stray 0912*****01'])
  await w.emptied()
  worker.kill('SIGTERM')
  assert.equal(await worker.exit, 0)
})

test('worker process, whose processor throws outside of its promise, says so, drains and exits 1, and its event is not lost', async (t) => {
  const dir = await folder(t, {
    'any.ts': any("setTimeout(() => { throw new Error('astray') }, 1); await new Promise((r) => setTimeout(r, 50))"),
  })
  const prefix = uniquePrefix()
  const w = await world(t, { env: { KEY_PREFIX: prefix } })
  const worker = startProcess(t, 'worker', { REDIS_URL: suiteRedisUrl(), KEY_PREFIX: prefix, WORKERS_DIR: dir })

  await w.put('default/call:1', 'a')

  await worker.line(({ level, error }) => level === 'fatal' && error === 'astray')
  assert.equal(await worker.exit, 1)
  await w.emptied()
})
