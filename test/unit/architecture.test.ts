/** ARCHITECTURE.md names what is there: folders, files, Redis keys, states. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ShardKeys, shardKeys } from '../../src/queue/keys.ts'
import { exists, filesUnder, read } from '../support/source.ts'

const text = read('ARCHITECTURE.md')

/** What stands between a heading and the next one. */
const section = (heading: string) => text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
const quoted = (markdown: string) =>
  [...markdown.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

/** Every key of a shard behind its hash tag, with `x` for what a key is made of. */
function suffixes(): string[] {
  const keys: ShardKeys = shardKeys('p', 0)
  const texts = Object.values(keys).map((key) => (typeof key === 'function' ? key('x') : String(key)))
  return texts.filter((key) => key.startsWith(`${keys.base}:`)).map((key) => key.slice(keys.base.length))
}

/** The keys of the table, as patterns: `<…>` and `*` stand for anything. */
function patterns(): RegExp[] {
  const rows = section('Redis keys')
    .split('\n')
    .filter((line) => line.startsWith('| `:'))
  return rows.map((row) => new RegExp(`^${(quoted(row)[0] ?? '').replace(/<\w+>|\*/g, '.+')}$`))
}

test('architecture, of the folders of src, names every one', () => {
  const folders = new Set(filesUnder('src', /\.ts$/).map((file) => file.slice(0, file.lastIndexOf('/'))))
  folders.delete('src')

  assert.deepEqual(
    [...folders].filter((folder) => !quoted(text).includes(folder)),
    [],
  )
})

test('architecture, of the files it names, names only such as exist', () => {
  const named = quoted(text).filter((name) => /\.ts$/.test(name))
  const isThere = (name: string) => [name, `src/queue/${name}`, `src/queue/fused/${name}`].some(exists)

  assert.ok(named.length > 5, 'no files found')
  assert.deepEqual(
    named.filter((name) => !isThere(name)),
    [],
  )
})

test('architecture, in its table of Redis keys, has every key that the code spells', () => {
  const missing = suffixes().filter((suffix) => !patterns().some((pattern) => pattern.test(suffix)))

  assert.ok(suffixes().length > 10, 'no keys found')
  assert.deepEqual(missing, [])
})

test('architecture, in its table of Redis keys, has none that the code does not spell', () => {
  const unknown = patterns().filter((pattern) => !suffixes().some((suffix) => pattern.test(suffix)))

  assert.deepEqual(unknown, [])
})

test('architecture, in its diagram of states, has exactly the states of the timeline', () => {
  const [, union = ''] = /type EventState = (.+)/.exec(read('src/queue/history.ts')) ?? []
  const states = [...union.matchAll(/'(\w+)'/g)].map(([, state = '']) => state)
  const edges = [...text.matchAll(/^ {2}(\S+) --> (\S+):/gm)]
  const drawn = new Set(edges.flatMap(([, from = '', to = '']) => [from, to]))
  drawn.delete('[*]')

  assert.ok(states.length > 0, 'no states found')
  assert.deepEqual([...drawn].sort(), states.sort())
})
