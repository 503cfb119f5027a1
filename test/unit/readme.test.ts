/** What the documents say exists: links, commands, settings, the processor of the README. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { settings } from '../../src/settings.ts'
import { refusedOf } from '../support/compiled.ts'

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
  const [, processor = ''] = /^```ts\n(.*?)^```/ms.exec(read('README.md')) ?? []

  const { refused, output } = await refusedOf(t, {
    'as-it-stands.ts': processor,
    'wrong-event.ts': processor.replace("'Cdr'", "'Crd'"),
    'wrong-field.ts': processor.replace('billedSeconds', 'biledSeconds'),
  })

  assert.deepEqual(refused, ['wrong-event.ts', 'wrong-field.ts'], output)
})
