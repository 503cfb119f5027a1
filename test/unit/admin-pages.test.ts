/** What the pages are made of, without a Redis: escaping, words for time and health, what is remembered of an hour. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Script } from 'node:vm'
import { type Facts, healthOf } from '../../src/admin/pages/health.ts'
import { address, html } from '../../src/admin/pages/html.ts'
import { backOf } from '../../src/admin/pages/query.ts'
import { createSamples } from '../../src/admin/pages/samples.ts'
import { script } from '../../src/admin/pages/script.ts'
import { createSeal } from '../../src/admin/pages/sealed.ts'
import { coarse, createShow, duration, size } from '../../src/admin/pages/show.ts'

const minute = 60_000

test('html, given a value with markup, escapes it; a piece of its own stays, nothing is left out but what is nothing', () => {
  const piece = html`<b>${`<&>"'`}</b>`

  assert.equal(
    String(html`<p title="${'" x'}">${[piece, 0, '', null, undefined, false]}</p>`),
    '<p title="&quot; x"><b>&lt;&amp;&gt;&quot;&#39;</b>0</p>',
  )
})

test('address, given any text, holds it whole, also half a surrogate', () => {
  assert.equal(address('/search', { q: '۰۹ &=', cursor: undefined, x: '' }), '/search?q=%DB%B0%DB%B9%20%26%3D')
  assert.equal(address('/x', { q: '\ud800' }), '/x?q=%EF%BF%BD')
  assert.equal(address('/calls/1?source=a', { before: 5 }), '/calls/1?source=a&before=5')
})

test('page to go back to, whatever the address says, is one of ours', () => {
  const back = (text: string) => backOf({ query: { back: text } })

  assert.equal(back('/calls/1?source=default'), '/calls/1?source=default')
  for (const foreign of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/\n/evil',
    '',
  ])
    assert.equal(back(foreign), '/', foreign)
})

test('time spans, in words, have two units at most, and coarse ones do not change from second to second', () => {
  assert.deepEqual([0, 340, 2_450, 59_999, 200_000, 7_500_000, 273_600_000].map(duration), [
    '0 ms',
    '340 ms',
    '2.4 s',
    '59 s',
    '3 min 20 s',
    '2 h 5 min',
    '3 d 4 h',
  ])
  assert.deepEqual([59_000, 61_000, 119_000, 3_700_000].map(coarse), [
    'less than a minute',
    'more than 1 min',
    'more than 1 min',
    'more than 1 h',
  ])
  assert.deepEqual([0, 1_023, 1_536, 20_971_520].map(size), ['0 bytes', '1023 bytes', '1.5 KiB', '20 MiB'])
})

test('moments, by source, stand in the zone of that source; one that is not known says so', () => {
  const show = createShow({ maskNumbers: false, timeZones: { all: 'UTC', bySource: { tehran: 'Asia/Tehran' } } })
  const at = Date.parse('2026-03-01T20:31:05.007Z')

  assert.equal(show.moment(at), '2026-03-01 20:31:05.007')
  assert.equal(show.moment(at, 'tehran'), '2026-03-02 00:01:05.007')
  assert.equal(String(show.time(at, 'tehran')), '<time datetime="2026-03-01T20:31:05.007Z">2026-03-02 00:01:05</time>')
  assert.equal(show.moment(0), 'at an unknown time')
  assert.doesNotThrow(() => show.time(1e300))
})

test('script of the pages, which no compiler has seen, is one', () => {
  assert.doesNotThrow(() => new Script(script))
})

test('a sealed lane, opened by the one who sealed it, is what it was; by another, or changed, nothing', () => {
  const seal = createSeal()
  const sealed = seal.seal('default/queue:1010:09121234567')

  assert.equal(seal.open(sealed), 'default/queue:1010:09121234567')
  assert.equal(createSeal().open(sealed), undefined)
  assert.equal(seal.open(`${sealed.slice(0, -2)}AA`), undefined)
  assert.equal(seal.open('short'), undefined)
})

const ingress = (id: string, received: number, startedAt = 0) => ({ kind: 'ingress', id, received, startedAt }) as const

test('samples, of two ingresses of which one starts anew, add up what each has taken', () => {
  const samples = createSamples(0)
  const look = (at: number, ...processes: ReturnType<typeof ingress>[]) =>
    samples.add({ at, oldestWaitingMs: 0, processes })
  look(minute, ingress('old', 5_000, -10 * minute))
  look(minute + 20_000, ingress('old', 5_010, -10 * minute), ingress('a', 4, minute + 10_000))
  look(2 * minute, ingress('old', 5_030, -10 * minute), ingress('b', 3, 2 * minute - 5_000))

  const hour = samples.hour(2 * minute)

  assert.equal(hour.length, 60)
  assert.deepEqual(
    hour.slice(-3).map((sample) => sample?.received),
    [undefined, 14, 23],
  )
})

test('samples, of an age that grows, say that it rises; beyond an hour they forget', () => {
  const samples = createSamples(0)
  for (let at = 0; at < 5; at++) samples.add({ at: at * minute, oldestWaitingMs: at * 30_000, processes: [] })

  assert.equal(samples.trend(4 * minute), 'rising')
  assert.equal(samples.hour(4 * minute).at(-1)?.oldestWaitingMs, 120_000)
  samples.add({ at: 200 * minute, oldestWaitingMs: 0, processes: [] })
  assert.equal(samples.hour(200 * minute).filter((sample) => sample !== undefined).length, 1)
  assert.equal(samples.trend(200 * minute), undefined)
})

const server = {
  node: '',
  version: '8',
  usedBytes: 1,
  maxBytes: 0,
  policy: 'noeviction',
  isAppendOnly: true,
  isLastWriteOk: true,
  isLoading: false,
}
const overview = {
  waiting: 0,
  active: 0,
  delayed: 0,
  parked: 0,
  dead: 0,
  completed: 0,
  lanes: 0,
  blockedLanes: 0,
  oldestWaitingMs: 0,
  oldestBlockedMs: 0,
  completedLastMinute: 0,
  deadLastMinute: 0,
  at: 1,
  walkedMsAgo: 0,
}
const alive = (kind: 'ingress' | 'worker', more = {}) =>
  ({
    kind,
    id: kind,
    version: '1',
    startedAt: 0,
    lastAt: 0,
    silentMs: 0,
    isAlive: true,
    ...more,
  }) as Facts['processes'][number]
const facts = (changes: Partial<Facts['overview']> = {}, more: Partial<Facts> = {}): Facts => ({
  overview: { ...overview, ...changes },
  processes: [alive('ingress'), alive('worker')],
  redis: [server],
  ...more,
})

for (const [what, given, level, sentence] of [
  ['nothing is wrong', facts(), 'well', /^All is well: 1 ingress and 1 worker are alive/],
  [
    'a lane is blocked',
    facts({ blockedLanes: 1, dead: 1, oldestBlockedMs: 4_000_000 }),
    'bad',
    /^1 lane is blocked, the longest for more than 1 h/,
  ],
  [
    'dead letters are there',
    facts({ dead: 3, deadLastMinute: 1 }),
    'watch',
    /^3 dead letters wait for a replay or discard, and there are new ones/,
  ],
  [
    'an event waits for two minutes',
    facts({ oldestWaitingMs: 130_000 }),
    'watch',
    /^The oldest event waits for more than 2 min/,
  ],
  [
    'an event waits for ten minutes',
    facts({ oldestWaitingMs: 600_000 }),
    'bad',
    /^The oldest event waits for more than 10 min/,
  ],
  [
    'events wait and no worker lives',
    facts({ waiting: 1 }, { processes: [alive('ingress'), alive('worker', { isAlive: false })] }),
    'bad',
    /^Events wait and no worker is alive/,
  ],
  ['no ingress lives', facts({}, { processes: [alive('worker')] }), 'bad', /^No ingress is alive/],
  [
    'events are in a spool',
    facts({}, { processes: [alive('ingress', { spool: { events: 4 } }), alive('worker')] }),
    'watch',
    /^Events are in the spool of 1 ingress/,
  ],
  [
    'Redis cannot write its file',
    facts({}, { redis: [{ ...server, isLastWriteOk: false }] }),
    'bad',
    /^Redis cannot write/,
  ],
  ['Redis does not tell of itself', facts({}, { redis: undefined }), 'well', /^All is well/],
] as const) {
  test(`health, when ${what}, is ${level} and says why`, () => {
    const health = healthOf(given)

    assert.equal(health.level, level)
    assert.match(health.sentence, sentence)
    assert.deepEqual(health.also, [])
  })
}
