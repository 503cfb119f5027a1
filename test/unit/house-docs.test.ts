/**
 * What the documents quote is there: headings that links point to, settings, log lines; and diagrams that GitHub can draw.
 * Files and commands are looked after in readme.test.ts.
 */
import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { test } from 'node:test'
import { errorCodes } from '../../src/errors.ts'
import { settings } from '../../src/settings.ts'
import { exists, filesUnder, read } from '../support/source.ts'

const documents = [...filesUnder('.', /^[A-Z][\w.]*\.md$/).map((file) => file.slice(2)), ...filesUnder('docs', /\.md$/)]

/** As GitHub makes them: lower case, letters, digits, `-` and `_` stay, spaces become `-`. */
const anchorsOf = (file: string) =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )

test('documents, all of them, were found', () => {
  assert.ok(documents.includes('README.md') && documents.includes('docs/operations.md'), documents.join(', '))
})

for (const document of documents) {
  test(`${document}, in its links to headings, names headings that exist`, () => {
    const links = [...read(document).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)]
    const broken = links.filter(([, file = '', anchor = '']) => {
      const target = file === '' ? document : posix.join(posix.dirname(document), file)
      return !exists(target) || !anchorsOf(target).includes(anchor)
    })

    assert.deepEqual(
      broken.map(([link]) => link),
      [],
    )
  })

  test(`${document}, in the settings and codes it names, names such as exist`, () => {
    // Of others: compose and the shell, processors of the user's, npm, the long tests.
    const ofCompose = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+):-/g)].map(([, name = '']) => name)
    const known = [...Object.keys(settings), ...errorCodes, ...ofCompose, 'NPM_CONFIG_REGISTRY']
    const named = [...read(document).matchAll(/`([A-Z]+(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)].map(([, name = '']) => name)
    const usersOwn = /^(CRM|FOLLOW_UP|PRESENCE|SOAK|FUZZ)_/

    assert.deepEqual(
      named.filter((name) => !known.includes(name) && !usersOwn.test(name)),
      [],
    )
  })

  test(`${document}, in its diagrams, has no semicolon, which would end the statement`, () => {
    const diagrams = [...read(document).matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, text = '']) => text)

    assert.deepEqual(
      diagrams.flatMap((text) => text.split('\n')).filter((line) => line.includes(';')),
      [],
    )
  })
}

test('docs/operations.md, where it quotes the log, quotes what the code says', () => {
  const code = filesUnder('src', /\.ts$/)
    .map((file) => read(file))
    .join('\n')
  const quoted = [
    ...read('docs/operations.md')
      .replace(/```[\s\S]*?```/g, '')
      .matchAll(/`([a-z][^`]*(?: [^`]+){2,})`/g),
  ]
    .map(([, text = '']) => text.replace(/…$/, ''))
    .filter((text) => !/^(redis-cli|docker|npm|node|curl|cp|promtool) /.test(text))

  assert.ok(quoted.length > 5, 'no quotes found')
  assert.deepEqual(
    quoted.filter((text) => !code.includes(text)),
    [],
  )
})
