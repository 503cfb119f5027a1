/**
 * The bench's own logic: its arguments, what it makes of the rounds, and its table. That it measures is seen by running it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Case } from '../../bench/case.ts'
import { cases } from '../../bench/cases/all.ts'
import { readCommandLine } from '../../bench/options.ts'
import { resultOf } from '../../bench/result.ts'
import type { Sample } from '../../bench/run.ts'
import { selfTimes } from '../../bench/self-times.ts'
import { compare, medianOf, shareOf } from '../../bench/statistics.ts'
import { bodyOf } from '../../bench/support/payload.ts'
import { numberText, othersOf, tableOf } from '../../bench/table.ts'

const read = (...args: string[]) => readCommandLine(args, ['ack-rate', 'drain-lanes'], { 'ack-cpu': 'ack-rate' })

test('bench, without arguments, runs every case five rounds', () => {
  const names = ['ack-rate', 'drain-lanes']

  assert.deepEqual(read(), { kind: 'run', names, rounds: 5, isQuick: false, isMarkdown: false })
})

test('bench, given cases, runs each once, in the order of the suite, under whichever of its names', () => {
  const line = read('drain-lanes', 'ack-cpu', 'ack-rate', '--rounds', '3')

  assert.ok(line.kind === 'run')
  assert.deepEqual(line.names, ['ack-rate', 'drain-lanes'])
  assert.equal(line.rounds, 3)
})

test('bench, told to be quick, takes one round unless it is told how many', () => {
  assert.deepEqual(
    [read('--quick'), read('--quick', '--rounds', '2')].map((line) => line.kind === 'run' && line.rounds),
    [1, 2],
  )
})

test('bench, given what it does not know, names all of it', () => {
  assert.deepEqual(read('ack-rat', '--fast', '--rounds', 'many'), {
    kind: 'wrong',
    problems: [
      '--fast is no option: --help tells which there are.',
      '--rounds wants a whole number from 1 to 999.',
      'ack-rat is no case: --list tells which there are.',
    ],
  })
})

test('bench, asked for a profile, wants one process that it knows', () => {
  assert.deepEqual(read('profile', 'worker'), { kind: 'profile', target: 'worker', isQuick: false })
  assert.equal(read('profile').kind, 'wrong')
  assert.equal(read('profile', 'admin').kind, 'wrong')
})

test('bench, asked for the last table, measures nothing', () => {
  assert.deepEqual(read('--last', '--markdown'), { kind: 'last', isMarkdown: true })
})

test('shareOf, of a few, is one of them', () => {
  assert.deepEqual([shareOf([5, 1, 3], 0.5), shareOf([5, 1, 3], 0.99), shareOf([5, 1, 3], 1)], [3, 5, 5])
})

test('medianOf, of an even count, is between the two in the middle', () => {
  assert.equal(medianOf([9, 1, 4, 2]), 3)
  assert.equal(medianOf([9, 1, 4]), 4)
})

test('compare, of two sides, tells the ratio of the medians and that of each round', () => {
  assert.deepEqual(compare([2, 4, 9], [4, 4, 10]), { ratio: 1, perRound: [0.5, 1, 0.9] })
})

const drawn: Case = {
  name: 'drawn',
  about: 'made up',
  sides: ['bare', 'bridge'],
  rows: [
    { label: 'rate', figure: 'perSecond', reference: 'bare', target: { least: 0.85 }, unit: '/s' },
    { label: 'cost', figure: 'cost', reference: 'bare', target: { most: 1.2 }, unit: 'µs' },
    { label: 'memory', figure: 'memory', target: { most: 200 }, unit: 'MB' },
  ],
  measure: () => Promise.reject(new Error('not measured here')),
}
const samples: Sample[] = [1, 2, 3].flatMap((round) => [
  { side: 'bare', round, figures: { perSecond: 1_000 * round, cost: 10 }, otherCores: 0, stolenCores: 0 },
  { side: 'bridge', round, figures: { perSecond: 900 * round, cost: 13, memory: 120 }, otherCores: 0, stolenCores: 0 },
])

test('a result, of several rounds, judges each row by the medians, and a row without a reference by itself', () => {
  const { rows } = resultOf(drawn, samples, new Date(0))

  assert.deepEqual(
    rows.map(({ label, isReached }) => [label, isReached]),
    [
      ['rate', true],
      ['cost', false],
      ['memory', true],
    ],
  )
})

test('a table, as Markdown, has a line for each row, with the spread where there is one', () => {
  assert.equal(
    tableOf([resultOf(drawn, samples, new Date(0))], true),
    [
      '| case | reference | this bridge | ratio | target | reached |',
      '| --- | --- | --- | --- | --- | --- |',
      '| rate | bare 2,000 (1,000 to 3,000) /s | 1,800 (900 to 2,700) /s | 0.9 | at least 0.85 | yes |',
      '| cost | bare 10 µs | 13 µs | 1.3 | at most 1.2 | no |',
      '| memory | - | 120 MB | - | at most 200 | yes |',
      '',
    ].join('\n'),
  )
})

test('othersOf, of a run beside other work, says that it is worth little', () => {
  const busy = samples.map((sample) => ({ ...sample, otherCores: 0.5 }))

  assert.doesNotMatch(othersOf([resultOf(drawn, samples, new Date(0))]), /too much/)
  assert.match(othersOf([resultOf(drawn, busy, new Date(0))]), /0\.50 cores.*too much/)
})

test('numberText, of figures large and small, shows three digits', () => {
  assert.deepEqual([12_345.6, 99.87, 1.2345, 0.01234, Number.NaN].map(numberText), [
    '12,346',
    '99.9',
    '1.23',
    '0.0123',
    '?',
  ])
})

test('the webhook of the bench, whatever its call, is one length, JSON, and of the size that the targets name', () => {
  const lengths = [bodyOf(0, 0), bodyOf(1_234_567, 7), bodyOf(9_999_999, 99_999)].map((body) => body.length)

  assert.equal(new Set(lengths).size, 1)
  assert.ok(Math.abs((lengths[0] ?? 0) - 360) < 25, String(lengths[0]))
  assert.equal(JSON.parse(bodyOf(42, 3)).cuid, '1764120000.0000042')
})

test('cases, by their rows, judge sides that they measure', () => {
  for (const { name, sides, rows } of cases) {
    assert.ok(rows.length > 0, name)
    for (const { side = 'bridge', reference = side } of rows) {
      assert.ok(sides.includes(side) && sides.includes(reference), name)
    }
  }
})

test('selfTimes, of a profile, add up by function and by place, without what was idle', () => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 6 })
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)', '') },
      { id: 2, callFrame: frame('encode', 'file:///somewhere/dist/src/event/stored.js') },
      { id: 3, callFrame: frame('send', 'file:///somewhere/node_modules/@fastify/thing/lib/reply.js') },
      { id: 4, callFrame: frame('(garbage collector)', '') },
    ],
    samples: [1, 2, 2, 3, 4, 1],
    timeDeltas: [0, 1_000, 10, 20, 30, 40],
  }

  const { functions, places, busyMicroseconds } = selfTimes(profile)

  assert.deepEqual(
    [...functions],
    [
      ['encode  src/event/stored.js:7', 30],
      ['send  @fastify/thing reply.js:7', 30],
      ['(garbage collector)', 40],
    ],
  )
  assert.deepEqual([...places.keys()], ['src/event/stored.js', '@fastify/thing', '(garbage collector)'])
  assert.equal(busyMicroseconds, 100)
})
