/**
 * `npm run new:processor`: what it writes compiles, passes and is formatted, for every event; and it overwrites nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newProcessor } from '../../scripts/new-processor/create.ts'
import { eventNames } from '../../src/event/catalogue.ts'

const root = join(import.meta.dirname, '../..')

/** Inside the project, where #bridge leads somewhere. */
async function folder(t: TestContext): Promise<string> {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const dir = await mkdtemp(join(root, '.tmp/new-processor-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

function run(...args: readonly string[]) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env })
}
const source = ['-C', 'source', '--import', 'tsx']

test('new:processor, for every event, writes a processor and a test that compile and are formatted', async (t) => {
  const dir = await folder(t)
  for (const name of eventNames) await newProcessor([name, '--dir', dir])
  const files = (await readdir(dir)).map((file) => join(dir, file))
  const settings = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: root }, include: ['*.ts'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(settings))

  const compiled = run('node_modules/typescript/bin/tsc', '--noEmit', '-p', dir)
  const formatted = run('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...files)

  assert.equal(files.length, eventNames.length * 2)
  assert.equal(compiled.status, 0, compiled.stdout)
  assert.equal(formatted.status, 0, formatted.stdout + formatted.stderr)
})

test('new:processor, what it writes for a call record, shows the fields and passes its own test', async (t) => {
  const dir = await folder(t)

  const said = run(...source, 'scripts/new-processor.ts', 'Cdr', '--dir', dir)
  const tested = run(...source, '--test', join(dir, 'cdr.test.ts'))

  assert.equal(said.status, 0, said.stderr)
  assert.match(said.stdout, /cdr\.ts\n.*cdr\.test\.ts\n\nTry it: {2}node/)
  assert.equal(tested.status, 0, tested.stdout)
  const text = await readFile(join(dir, 'cdr.ts'), 'utf8')
  assert.match(text, /defineProcessor\('Cdr'/)
  assert.match(text, /\/\/ {3}billedSeconds +Conversation \(number, seconds\)/)
})

test('new:processor, for an event of several words, names the files in kebab-case', async (t) => {
  const dir = await folder(t)

  await newProcessor(['VoiceMailEmail', '--dir', dir])

  assert.deepEqual((await readdir(dir)).sort(), ['voice-mail-email.test.ts', 'voice-mail-email.ts'])
})

test('new:processor, where a file of that name is, leaves it and writes nothing', async (t) => {
  const dir = await folder(t)
  await writeFile(join(dir, 'cdr.test.ts'), 'mine')

  await assert.rejects(newProcessor(['Cdr', '--dir', dir]), /cdr\.test\.ts is there already and is left as it is/)

  assert.equal(await readFile(join(dir, 'cdr.test.ts'), 'utf8'), 'mine')
  assert.deepEqual(await readdir(dir), ['cdr.test.ts'])
})

const refused: readonly (readonly [readonly string[], RegExp])[] = [
  [['cdr'], /There is no event cdr: did you mean Cdr\?/],
  [['Telephone'], /There is no event Telephone\.\n\nUsage/],
  [[], /Name the event.*\n\nUsage/],
  [['Cdr', 'Ping'], /One event at a time/],
  [['Cdr', '--force'], /Unknown option '--force'/],
]

for (const [args, message] of refused) {
  test(`new:processor, given ${args.join(' ') || 'nothing'}, says what is wrong`, async () => {
    await assert.rejects(newProcessor(args), message)
  })
}

test('new:processor, asked for help, lists the events', async () => {
  const text = await newProcessor(['--help'])

  for (const name of eventNames) assert.ok(text.includes(name))
})
