/** What the documents say exists: links, commands, settings, the processor of the README. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { settings } from '../../src/settings.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const documents = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  ...readdirSync(join(root, 'docs/adr')).map((file) => `docs/adr/${file}`),
]

for (const document of documents) {
  test(`${document}, in its relative links, names files that exist`, () => {
    const links = [...read(document).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)].map(
      ([, link = '']) => link,
    )

    assert.deepEqual(
      links.filter((link) => !existsSync(join(root, dirname(document), link))),
      [],
    )
  })

  test(`${document}, in its commands, names scripts that exist`, () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = [...read(document).matchAll(/npm run ([a-z0-9:-]+)/g)].map(([, name = '']) => name)

    assert.deepEqual(
      named.filter((name) => !(name in scripts)),
      [],
    )
  })
}

test('README, in its table of settings, has each of them with its default, as .env.example', () => {
  const example = [...read('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [
    name,
    value || 'unset',
  ])
  const table = [...read('README.md').matchAll(/^\| `([A-Z_]+)` \| `?([^|`]*?)`? \|/gm)].map(([, name, value]) => [
    name,
    value,
  ])

  assert.deepEqual(table, example)
  assert.deepEqual(
    table.map(([name]) => name),
    Object.keys(settings),
  )
})

test('README, its processor, compiles; with a misspelt event or field it does not', async (t) => {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const dir = await mkdtemp(join(root, '.tmp/readme-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const [, processor = ''] = /^```ts\n(.*?)^```/ms.exec(read('README.md')) ?? []
  await writeFile(join(dir, 'as-it-stands.ts'), processor)
  await writeFile(join(dir, 'wrong-event.ts'), processor.replace("'Cdr'", "'Crd'"))
  await writeFile(join(dir, 'wrong-field.ts'), processor.replace('billedSeconds', 'biledSeconds'))
  const options = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: root }, include: ['*.ts'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(options))

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', dir], {
    encoding: 'utf8',
  })

  const refused = new Set([...stdout.matchAll(/([\w-]+\.ts)\(\d+,\d+\): error/g)].map(([, file]) => file))
  assert.deepEqual([...refused].sort(), ['wrong-event.ts', 'wrong-field.ts'], stdout)
})
