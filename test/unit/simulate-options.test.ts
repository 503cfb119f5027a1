/**
 * The simulator's command line and its figures: what is accepted, what is refused in which words, how a run is summed up.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { disturbedInAllWays, undisturbed } from '../../scripts/simulate/disturb.ts'
import { helpText } from '../../scripts/simulate/help.ts'
import { optionNames, readCommandLine } from '../../scripts/simulate/options.ts'
import { shownUrl } from '../../scripts/simulate/play.ts'
import { createTally, percentile, progressLine, type SentWebhook, summaryText } from '../../scripts/simulate/report.ts'

const url = ['--url', 'http://127.0.0.1:3000/simotel/']
const played = (...argv: string[]) => {
  const command = readCommandLine([...url, ...argv])
  return command.kind === 'play' ? command : assert.fail(JSON.stringify(command))
}
const problemsOf = (...argv: string[]) => {
  const command = readCommandLine(argv)
  return command.kind === 'wrong' ? command.problems : assert.fail(JSON.stringify(command))
}

test('the command line, with an address alone, plays every flow undisturbed', () => {
  const { play, json, quiet } = played()

  assert.equal(String(play.url), 'http://127.0.0.1:3000/simotel/')
  assert.deepEqual([play.calls, play.rate, play.speed, play.seed], [undefined, undefined, undefined, undefined])
  assert.deepEqual(play.disturbances, undisturbed)
  assert.deepEqual([json, quiet, play.marks], [false, false, false])
})

test('the command line, with every option of the interface, takes each', () => {
  const { play } = played(
    ...'--calls 250 --rate 12.5 --transport mix --mode rest --repeat 0.1 --omit 5% --shuffle=.2 --seed 42'.split(' '),
    ...'--user simotel --pass secret'.split(' '),
  )

  assert.deepEqual([play.calls, play.rate, play.transport, play.mode, play.seed], [250, 12.5, 'mix', 'rest', 42])
  assert.deepEqual(play.disturbances, { ...undisturbed, repeat: 0.1, omit: 0.05, shuffle: 0.2 })
  assert.deepEqual(play.credentials, { user: 'simotel', pass: 'secret' })
})

test('probabilities, as figures or per cent, are accepted from 0 to 1 and nowhere else', () => {
  for (const [text, value] of [
    ['0', 0],
    ['1', 1],
    ['.5', 0.5],
    ['10%', 0.1],
    ['100%', 1],
    ['2.5%', 0.025],
  ] as const) {
    assert.equal(played('--repeat', text).play.disturbances?.repeat, value)
  }
  for (const text of ['1.1', '101%', '-0.1', 'often', '', '%', '1e-2']) {
    assert.deepEqual(problemsOf(...url, `--repeat=${text}`), [
      `--repeat ${text === '' ? '"" (nothing)' : text} is not accepted: give a probability from 0 to 1, or 0% to 100%.`,
    ])
  }
})

test('the switch --disturb, with one disturbance beside it, keeps that one', () => {
  assert.deepEqual(played('--disturb', '--repeat', '0').play.disturbances, { ...disturbedInAllWays, repeat: 0 })
})

test('credentials in the address, without --user, are used and leave the address', () => {
  const command = readCommandLine(['--url', 'http://me:p%40ss@127.0.0.1/simotel/'])

  assert.ok(command.kind === 'play')
  assert.deepEqual(command.play.credentials, { user: 'me', pass: 'p@ss' })
  assert.equal(String(command.play.url), 'http://127.0.0.1/simotel/')
})

test('wrong options, several at once, are each answered with one sentence', () => {
  const problems = problemsOf(
    ...'--calls 0 --rate fast --transport smoke --mode 4 --seed x --flow 1,77 --nonsense 1 stray --json=1'.split(' '),
  )

  assert.deepEqual(
    problems.map((problem) => problem.split(' ', 2).join(' ')),
    [
      ...['--calls 0', '--rate fast', '--transport smoke', '--mode 4', '--seed x', '--flow 1,77'],
      ...['--nonsense is', '1 is', 'stray is', '--json takes', 'Say where'],
    ],
  )
  assert.ok(problems.every((problem) => problem.endsWith('.')))
})

test('an option without its value, at the end or before another, is said to need one', () => {
  assert.deepEqual(problemsOf(...url, '--calls', '--json'), ['--calls needs a value.'])
  assert.deepEqual(problemsOf(...url, '--seed'), ['--seed needs a value.'])
})

test('options that contradict each other are refused with the reason', () => {
  assert.match(problemsOf(...url, ...'--rate 1 --speed 1'.split(' '))[0] ?? '', /give one/)
  assert.match(problemsOf(...url, ...'--flow 1 --events-per-call 3'.split(' '))[0] ?? '', /give one/)
  assert.match(problemsOf(...url, ...'--user me'.split(' '))[0] ?? '', /belong together/)
  assert.match(problemsOf(...url, ...'--user a:b --pass c'.split(' '))[0] ?? '', /colon/)
  assert.match(problemsOf('--url', 'ftp://here')[0] ?? '', /http:\/\/127/)
})

test('help, asked for anywhere, wins over what is wrong, and names every option there is', () => {
  assert.deepEqual(readCommandLine(['--calls', 'many', '--help']), { kind: 'help' })
  assert.deepEqual(readCommandLine(['-h']), { kind: 'help' })
  assert.deepEqual(
    optionNames.filter((name) => !helpText().includes(`--${name} `)),
    [],
  )
})

test('percentile, by nearest rank, is a value that occurred', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1)

  assert.deepEqual([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)], [50, 99, 100])
  assert.equal(percentile([3], 0.5), 3)
  assert.ok(Number.isNaN(percentile([], 0.5)))
})

const sent = (given: Partial<SentWebhook>): SentWebhook => ({
  call: 1,
  flow: '1',
  name: 'Cdr',
  kind: 'event',
  callId: null,
  lane: null,
  ordinal: 1,
  repeated: false,
  form: { transport: 'json', mode: 'g', path: 'lower', nested: 'json', spaces: 'plus', letters: 'utf8' },
  result: 'acked',
  eventId: 'e',
  status: 200,
  ms: 1,
  reason: null,
  ...given,
})

test('a tally, of every kind of result, counts each once, and times the acked alone', () => {
  const tally = createTally()
  tally.record(sent({ ms: 4 }))
  tally.record(sent({ ms: 2, repeated: true }))
  tally.record(sent({ result: 'refused', status: 503, ms: 90, reason: 'HTTP 503' }))
  tally.record(sent({ result: 'error', status: null, ms: 90, reason: 'read ECONNRESET' }))
  tally.record(sent({ result: 'expected', status: 422, ms: 90 }))
  tally.record(sent({ result: 'gave-up', status: null, ms: 90 }))
  tally.callDone()

  const counts = tally.counts(2_000)

  assert.deepEqual(counts, {
    calls: 1,
    sent: 6,
    acked: 2,
    failed: 2,
    expected: 1,
    gaveUp: 1,
    repeated: 1,
    ackMs: { p50: 2, p99: 4, max: 4 },
    reasons: { 'HTTP 503': 1, 'read ECONNRESET': 1 },
    durationMs: 2_000,
    perSecond: 3,
  })
  assert.match(
    summaryText(counts),
    /sent {4}6 .*\nacked {3}2\nfailed {2}2\n {8}1 x HTTP 503\n[\s\S]*p50 2\.00 ms {2}p99 4\.00 ms/,
  )
  assert.equal(progressLine(tally.progress, 9, 2_000), 'calls 1/9  sent 6  acked 2  failed 2  3/s')
})

test('a tally, given ever new reasons, keeps fifty and sums up the rest', () => {
  const tally = createTally()
  for (let index = 0; index < 200; index += 1) tally.record(sent({ result: 'refused', reason: `HTTP 500 ${index}` }))

  const { reasons } = tally.counts(1)

  assert.equal(Object.keys(reasons).length, 51)
  assert.equal(reasons['other reasons'], 150)
})

test('a tally of nothing, or of nothing acked, has no times and says so', () => {
  const { ackMs, perSecond } = createTally().counts(0)

  assert.deepEqual([ackMs, perSecond], [null, 0])
  assert.match(summaryText(createTally().counts(0)), /ack {5}none/)
})

test('an address, when printed, hides its password and its query', () => {
  assert.equal(shownUrl(new URL('http://me:secret@h:1/simotel/?api_key=2')), 'http://h:1/simotel/?…')
})
