/**
 * Who may import whom, and who may touch the process: read from the import lines, so that the line stays straight.
 * Each failure names file, line and rule.
 */
import assert from 'node:assert/strict'
import { basename, posix } from 'node:path'
import { test } from 'node:test'
import { blankComments, filesUnder, read } from '../support/source.ts'

type Line = { readonly file: string; readonly line: number; readonly text: string }
type Import = Line & { readonly from: string; readonly target: string; readonly typeOnly: boolean }

const importPattern =
  /\b(?:import|export)\s+(type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?)\s*from\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g
const files = ['src', 'workers', 'scripts'].flatMap((folder) => filesUnder(folder, /\.(ts|mjs)$/))
const lines: Line[] = []
const imports: Import[] = []
for (const file of files) {
  const source = blankComments(read(file))
  source.split('\n').forEach((text, index) => {
    lines.push({ file, line: index + 1, text })
  })
  for (const found of source.matchAll(importPattern)) {
    const from = found[2] ?? found[3] ?? ''
    const target = from.startsWith('.') ? posix.join(posix.dirname(file), from) : from
    const line = source.slice(0, found.index).split('\n').length
    imports.push({ file, line, text: found[0].replace(/\s+/g, ' '), from, target, typeOnly: found[1] !== undefined })
  }
}

/** `src/queue/fused/sums.ts` -> `queue`; a file right in src -> its own name. */
const station = (path: string): string => /^src\/([^/]+)/.exec(path)?.[1] ?? ''
const inSrc = (path: string) => path.startsWith('src/')
const packageOf = (from: string) =>
  from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : (from.split('/')[0] ?? from)

function none(rule: string, broken: readonly Line[]): void {
  const list = broken.map(({ file, line, text }) => `  ${file}:${line}  ${text.trim()}`).join('\n')
  assert.equal(broken.length, 0, `${rule}\n${list}`)
}

/** What a folder of src may import from other folders. `type`: types only, for a function it is handed. */
const mayImport: Record<string, Record<string, 'all' | 'type'>> = {
  event: {},
  ingress: { event: 'all', queue: 'type' },
  queue: { event: 'all' },
  spool: { event: 'all', queue: 'type' },
  runner: { event: 'all' },
  admin: { event: 'all', queue: 'all' },
  'index.ts': { event: 'all', runner: 'all' },
  'testing.ts': { event: 'all', runner: 'all' },
  'config.ts': { event: 'all', 'settings.ts': 'all' },
  'settings.ts': { event: 'all' },
  'errors.ts': {},
  'log.ts': {},
  'mask.ts': {},
  'probes.ts': {},
  'identity.ts': {},
  'metrics.ts': { event: 'all' },
  'tracing.ts': { event: 'all', 'otlp.ts': 'all' },
  'otlp.ts': {},
}
const forAll = ['errors.ts', 'log.ts', 'mask.ts']

test('boundaries, of the import lines of src, were read at all', () => {
  assert.ok(files.filter(inSrc).length > 5 && imports.length > 10, 'the test finds neither files nor imports')
})

for (const [folder, others] of Object.entries(mayImport)) {
  const allowed = [
    'itself',
    ...Object.entries(others).map(([name, what]) => (what === 'type' ? `types of ${name}` : name)),
  ]
  test(`boundaries, src/${folder}, imports ${allowed.join(', ')} and what is for all`, () => {
    const broken = imports.filter(({ file, target, typeOnly }) => {
      const to = station(target)
      if (station(file) !== folder || !inSrc(target) || to === folder || forAll.includes(to)) return false
      if (to === 'config.ts') return folder === 'event'
      return others[to] !== 'all' && !(others[to] === 'type' && typeOnly)
    })

    none(
      `src/${folder} may import: ${allowed.join(', ')}; ${forAll.join(', ')}; hand it the rest as an argument.`,
      broken,
    )
  })
}

test('boundaries, src/event, imports no package but zod', () => {
  const outside = imports.filter(({ file, target }) => station(file) === 'event' && !inSrc(target))

  none(
    'src/event is pure: it imports zod at most.',
    outside.filter(({ from }) => packageOf(from) !== 'zod'),
  )
})

for (const [name, owners] of Object.entries({
  bullmq: ['queue'],
  ioredis: ['queue'],
  fastify: ['ingress', 'admin'],
  '@fastify': ['ingress', 'admin'],
  'fastify-type-provider-zod': ['admin'],
  '@bull-board': ['admin'],
  'prom-client': ['metrics.ts'],
})) {
  test(`boundaries, the package ${name}, is imported by ${owners.join(' and ')} only`, () => {
    const users = imports.filter(({ from }) => packageOf(from) === name || from.startsWith(`${name}/`))

    none(
      `Only src/${owners.join(' and src/')} may import ${name}.`,
      users.filter(({ file }) => !owners.includes(station(file))),
    )
  })
}

test('boundaries, src/main, is imported by nothing in src', () => {
  const into = imports.filter(
    ({ file, target }) => inSrc(file) && station(file) !== 'main' && station(target) === 'main',
  )

  none('Only src/main wires the pieces together; nothing imports it.', into)
})

test('boundaries, the process (environment, signals, exit), is touched by src/main only', () => {
  const touch = /\bprocess\.(env|exit|exitCode|abort|kill|on|once|addListener)\b|from 'close-with-grace'/
  const touched = lines.filter(({ file, text }) => inSrc(file) && touch.test(text))

  none(
    'Only src/main reads process.env, handles signals and exits.',
    touched.filter(({ file }) => station(file) !== 'main'),
  )
})

test('boundaries, processors, import #bridge, node: and files and packages of their own', () => {
  const own = (target: string) => target.startsWith('workers/') || target.startsWith('node:')
  const ours = Object.keys(JSON.parse(read('package.json')).dependencies)
  const broken = imports.filter(({ file, from, target }) => {
    if (!file.startsWith('workers/') || own(target) || from === '#bridge' || from === '#bridge/testing') return false
    return (
      target.startsWith('src/') ||
      target.startsWith('scripts/') ||
      from.startsWith('..') ||
      ours.includes(packageOf(from))
    )
  })

  none(
    'A processor imports #bridge, node: and its own files and packages; it must survive any change inside src.',
    broken,
  )
})

test('boundaries, the files of src, import each other in no circle', () => {
  const next = new Map<string, Import[]>()
  for (const one of imports) if (inSrc(one.file)) next.set(one.file, [...(next.get(one.file) ?? []), one])
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      assert.fail(
        `These files import each other in a circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`,
      )
    }
    if (done.has(file)) return
    for (const { target } of next.get(file) ?? []) walk(target, [...path, file])
    done.add(file)
  }

  for (const file of next.keys()) walk(file, [])
})

test('boundaries, a file of src, is named after an idea and not utils, helpers, common or types', () => {
  const vague = /(^|[-.])(utils?|helpers?|commons?|types?|misc|shared)([-.]|$)/
  const named = files.filter((file) => inSrc(file) && vague.test(basename(file)))

  assert.deepEqual(named, [], 'Name a file after the one idea in it.')
})
