/**
 * docs/processors.md: its code compiles as it stands, its defaults and links are true.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { refusedOf } from '../support/compiled.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/processors.md'), 'utf8')

test('docs/processors.md, its code, compiles', async (t) => {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((found) => found[1] ?? '')
  const files = blocks.map((block, at) => [`${at}.ts`, block.replaceAll("'./examples/", "'../../workers/examples/")])

  const { refused, output } = await refusedOf(t, Object.fromEntries(files))

  assert.equal(blocks.length, 2)
  assert.deepEqual(refused, [], output)
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
