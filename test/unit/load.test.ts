/**
 * Loading: what is a processor in a folder, and the sentence for each thing that can be wrong with one.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createLog } from '../../src/log.ts'
import { loadProcessors, logProcessors } from '../../src/runner/load.ts'

const bridge = pathToFileURL(join(import.meta.dirname, '../../src/index.ts')).href
const processor = (name: string) =>
  `import { defineProcessor } from '${bridge}'\nexport default defineProcessor('${name}', async () => {})\n`

async function folder(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-load-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  const workers = join(dir, 'workers')
  await mkdir(workers)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(workers, name)), { recursive: true })
    await writeFile(join(workers, name), text)
  }
  return workers
}

const messageOf = (dir: string): Promise<string> =>
  loadProcessors(dir).then(
    () => assert.fail('nothing was refused'),
    (error: { code: string; message: string }) => {
      assert.equal(error.code, 'BRIDGE_PROCESSOR_LOAD')
      return error.message
    },
  )

test('loadProcessors, given a folder, reads its processors and nothing else', async (t) => {
  const dir = await folder(t, {
    'cdr.ts': processor('Cdr'),
    'any.js': processor('*'),
    'state.mjs': processor('NewState'),
    'cdr.test.ts': 'throw new Error("a test was loaded")',
    'any.test.js': 'throw new Error("a test was loaded")',
    '_draft.ts': 'throw new Error("a draft was loaded")',
    '.hidden.ts': 'throw new Error("a hidden file was loaded")',
    'cdr.d.ts': 'export {}',
    'cdr.js.map': '{}',
    'notes.md': '# notes',
    'settings.json': '{}',
    'lib/crm.ts': 'throw new Error("a sub-folder was loaded")',
    'examples/cdr.ts': processor('Cdr'),
  })

  const registry = await loadProcessors(dir)

  assert.deepEqual(registry.list, [
    { name: '*', path: join(dir, 'any.js') },
    { name: 'Cdr', path: join(dir, 'cdr.ts') },
    { name: 'NewState', path: join(dir, 'state.mjs') },
  ])
  assert.equal(registry.find('Cdr')?.path, join(dir, 'cdr.ts'))
  assert.equal(registry.find('Unknown')?.path, join(dir, 'any.js'))
})

test('loadProcessors, given a processor for several events, finds it under each', async (t) => {
  const dir = await folder(t, {
    'calls.ts': `import { defineProcessor } from '${bridge}'\nexport default defineProcessor(['Cdr', 'CdrQueue'], () => {})\n`,
  })

  const registry = await loadProcessors(dir)

  assert.equal(registry.find('Cdr'), registry.find('CdrQueue'))
  assert.equal(registry.find('Ping'), undefined)
})

test('loadProcessors, given a folder without processors, is empty, and logProcessors warns', async (t) => {
  const lines: string[] = []
  const dir = await folder(t, { 'lib/crm.ts': '' })

  const registry = await loadProcessors(dir)
  logProcessors(registry, dir, createLog({ destination: { write: (line: string) => void lines.push(line) } }))

  assert.deepEqual(registry.list, [])
  assert.match(lines.join(''), /"level":"warn".*every event will be skipped/)
})

const wrong: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['a file without a default export', { 'cdr.ts': 'export const x = 1' }, /cdr\.ts has no default export: write/],
  [
    'a default export of another kind',
    { 'cdr.ts': 'export default () => {}' },
    /cdr\.ts has a default export that defineProcessor did not make/,
  ],
  [
    'an unknown event name',
    { 'cdr.ts': processor('CDRR') },
    /cdr\.ts: .*unknown event name 'CDRR': did you mean 'Cdr'\?/,
  ],
  [
    'two files for one event',
    { 'a.ts': processor('Cdr'), 'b.ts': processor('Cdr') },
    /a\.ts and \S+b\.ts are both for Cdr: keep one/,
  ],
  ["two files for '*'", { 'a.ts': processor('*'), 'b.ts': processor('*') }, /are both for '\*'/],
  [
    'a file that throws',
    { 'cdr.ts': 'throw new Error("CRM_URL is not set")' },
    /cdr\.ts cannot be loaded \(CRM_URL is not set\)/,
  ],
  ['a file that throws null', { 'cdr.ts': 'throw null' }, /cdr\.ts cannot be loaded \(null\)/],
  ['a file that does not parse', { 'cdr.js': 'export default (' }, /cdr\.js cannot be loaded \(/],
  [
    'a file that imports what is not there',
    { 'cdr.ts': 'import "nowhere-at-all"' },
    /cdr\.ts cannot be loaded \(.*nowhere-at-all/,
  ],
  ['a file that cannot reach #bridge', { 'cdr.ts': 'import "#bridge"' }, /cdr\.ts cannot (be loaded|import #bridge)/],
  ['a file with an ending that is not read', { 'cdr.cts': '' }, /cdr\.cts is not read: give it the ending \.ts/],
]

for (const [what, files, message] of wrong) {
  test(`loadProcessors, given ${what}, says so in one sentence`, async (t) => {
    const text = await messageOf(await folder(t, files))

    assert.match(text, message)
    assert.ok(!text.includes('\n'), text)
  })
}

test('loadProcessors, given several wrong files, tells all of them at once, with the first cause', async (t) => {
  const dir = await folder(t, {
    'a.ts': 'throw new Error("first")',
    'b.ts': 'export {}',
    'c.ts': processor('Cdr'),
    'd.ts': processor('Cdr'),
  })

  await assert.rejects(loadProcessors(dir), (error: Error) => {
    assert.match(error.message, /^3 things are wrong/)
    for (const name of ['a.ts', 'b.ts', 'c.ts', 'd.ts']) assert.ok(error.message.includes(name), error.message)
    assert.equal((error.cause as Error).message, 'first')
    return true
  })
})

test('loadProcessors, given no folder or a file, says which and what to do', async (t) => {
  const dir = await folder(t, { 'cdr.ts': '' })

  assert.match(await messageOf(join(dir, 'nowhere')), /nowhere does not exist: run `npm run build`/)
  assert.match(await messageOf(join(dir, 'cdr.ts')), /cdr\.ts is a file: set WORKERS_DIR/)
})

test('loadProcessors, given TypeScript on a Node that cannot run it, says to build', async (t) => {
  const dir = await folder(t, { 'cdr.ts': 'export default 1', 'ping.ts': 'export default 1' })
  const load = pathToFileURL(join(import.meta.dirname, '../../src/runner/load.ts')).href
  // tsx for our source only: its loader is taken away from the folder by a resolver that marks the files as plain.
  const script = `
    import { register } from 'node:module'
    const { loadProcessors } = await import('${load}')
    register('data:text/javascript,' + encodeURIComponent(
      'export async function load(url, context, next) { if (url.includes("bridge-load-")) { const e = new TypeError("Unknown file extension \\\\".ts\\\\" for " + url); e.code = "ERR_UNKNOWN_FILE_EXTENSION"; throw e } return next(url, context) }'))
    await loadProcessors(${JSON.stringify(dir)}).catch((error) => console.log(error.message))`

  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['-C', 'source', '--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )

  assert.match(stdout, /cdr\.ts is TypeScript, which Node \S+ does not run by itself: run `npm run build`/, stderr)
  assert.ok(!stdout.includes('ping.ts'), stdout)
})
