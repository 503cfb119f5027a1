/**
 * docs/processors.md: its code compiles as it stands, its defaults and links are true.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/processors.md'), 'utf8')

test('docs/processors.md, its code, compiles', async (t) => {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const dir = await mkdtemp(join(root, '.tmp/docs-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((found) => found[1] ?? '')
  for (const [at, block] of blocks.entries()) {
    await writeFile(join(dir, `${at}.ts`), block.replaceAll("'./examples/", "'../../workers/examples/"))
  }
  const settings = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: root }, include: ['*.ts'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(settings))

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', dir], { encoding: 'utf8' })

  assert.equal(blocks.length, 2)
  assert.equal(status, 0, stdout)
})

test('docs/processors.md, the defaults in it, are those of the settings', () => {
  const { worker } = loadConfig({})

  for (const [name, value] of [
    ['ATTEMPTS', worker.attempts],
    ['BACKOFF_FIRST_MS', `${worker.backoffFirstMs / 1_000} s`],
    ['BACKOFF_MAX_MS', `${worker.backoffMaxMs / 60_000} min`],
    ['PROCESSOR_TIMEOUT_MS', `${worker.timeoutMs / 1_000} s`],
    ['WORKER_CONCURRENCY', worker.concurrency],
  ] as const) {
    assert.ok(text.includes(`\`${name}\`, ${value} |`), `${name} is ${value}`)
  }
})

test('docs/processors.md, the files it points to in workers, are there', () => {
  const links = [...text.matchAll(/\]\(\.\.\/(workers\/[^)#]+)\)/g)].map((found) => found[1] ?? '')

  assert.ok(links.length >= 4)
  for (const link of links) assert.ok(existsSync(join(root, link)), link)
})
