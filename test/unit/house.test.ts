/**
 * The house in order: the settings file, the shape of source files, and that importing one does nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig, settings } from '../../src/config.ts'
import { blankComments, filesUnder, read } from '../support/source.ts'

const src = filesUnder('src', /\.ts$/)

/** Name, value and the comment above it, as they stand in .env.example. */
const example = [...read('.env.example').matchAll(/^((?:#.*\n)*)([A-Z_]+)=(.*)$/gm)].map(
  ([, why = '', name = '', value = '']) => ({
    name,
    value,
    why: why.split('\n').filter((line) => line !== '' && !line.startsWith('# ---')),
  }),
)

test('.env.example, beside the schema, names every setting once and in the same order', () => {
  assert.deepEqual(
    example.map(({ name }) => name),
    Object.keys(settings),
  )
})

test('.env.example, loaded as it is, gives exactly the defaults', () => {
  const env = Object.fromEntries(example.map(({ name, value }) => [name, value]))

  assert.deepEqual(loadConfig(env), loadConfig({}))
})

for (const { name, value, why } of example) {
  test(`.env.example, at ${name}, has one line of reason and shows the default where there is one`, () => {
    assert.equal(why.length, 1, `${name} needs one comment line above it`)
    assert.match(why[0] ?? '', /^# \S.{10,}/)

    const unset = settings[name as keyof typeof settings].parse(undefined) as unknown
    const hasNone = unset === undefined || (Array.isArray(unset) && unset.length === 0)
    assert.equal(
      value === '',
      hasNone,
      `${name} ${hasNone ? 'has no default: leave its value empty' : 'has a default: show it'}`,
    )
  })
}

test('source files, each of them, open with a header that says what the file is', () => {
  const without = src.filter((file) => !/^\/\*\*[\s\S]{20,}?\*\//.test(read(file)))

  assert.deepEqual(without, [])
})

test('source files, each of them, hold one idea in at most 250 lines', () => {
  // Scripts for Redis are kept whole: a .lua.ts file is one script.
  const long = src.filter((file) => !file.endsWith('.lua.ts') && read(file).split('\n').length > 251)

  assert.deepEqual(long, [])
})

test('source files, by their names, are kebab-case', () => {
  const odd = src.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.lua)?\.ts$/.test(basename(file)))

  assert.deepEqual(odd, [])
})

test('source files, in what they export, have no default', () => {
  const withDefault = src.filter((file) => /^export default\b/m.test(blankComments(read(file))))

  assert.deepEqual(withDefault, [])
})

test('source files, all but those of main, when imported, open nothing and print nothing', () => {
  const urls = src
    .filter((file) => !file.startsWith('src/main/'))
    .map((file) => new URL(`../../${file}`, import.meta.url).href)
  // Whatever a module opens at import keeps the process from ending by itself.
  const script = `await Promise.all(${JSON.stringify(urls)}.map((url) => import(url)))`
  const run = spawnSync(process.execPath, ['-C', 'source', '--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
    timeout: 20_000,
  })

  assert.deepEqual({ printed: run.stdout + run.stderr, code: run.status }, { printed: '', code: 0 })
})
