/**
 * Wire forms beyond what the fixtures travel over: the lenient parser, parameters, and hostile input in linear time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTooDeep, maxDepth, NumberText, parseLenient } from '../../src/event/lenient.ts'
import { parseParameters, percentDecode } from '../../src/event/parameters.ts'
import { dataOf, eventIn } from '../fixtures/webhook.ts'
import { python } from '../fixtures/wire-forms.ts'

/** What the lenient parser found, numbers and objects made plain. */
function lenient(text: string): unknown {
  const plain = (value: unknown): unknown => {
    if (value instanceof NumberText) return Number(value.text)
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
  }
  const parsed = parseLenient(text)
  return parsed === undefined ? undefined : plain(parsed.value)
}

const readable: readonly (readonly [string, string, unknown])[] = [
  ['single quotes', "{'a': 'b'}", { a: 'b' }],
  ['Python’s words', "{'a': None, 'b': True, 'c': False}", { a: null, b: true, c: false }],
  ['a quote in the other kind', `{'a': "it's", "b": 'say "hi"'}`, { a: "it's", b: 'say "hi"' }],
  ['escaped quotes', `{'a': 'it\\'s \\\\ \\n'}`, { a: "it's \\ \n" }],
  ['hexadecimal escapes', `{'a': '\\xe9\\u0633\\U0001F600'}`, { a: 'éس😀' }],
  ['escapes that are none', `{'a': '\\d \\x0 \\uZZZZ'}`, { a: '\\d \\x0 \\uZZZZ' }],
  ['prefixes of Python 2 and bytes', `{u'a': u'b', 'c': b'd'}`, { a: 'b', c: 'd' }],
  ['tuples', "{'a': (1, 2), 'b': ()}", { a: [1, 2], b: [] }],
  ['trailing commas', "{'a': [1, 2,], 'b': (1,),}", { a: [1, 2], b: [1] }],
  ['leading zeros', '{"a": 0912}', { a: 912 }],
  ['tabs and line ends between and within', '{\n\t"a":\t"b\tc\nd"\n}', { a: 'b\tc\nd' }],
  ['numbers as keys', '{1: "a"}', { 1: 'a' }],
  ['not a number', '{"a": NaN}', { a: null }],
  ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
]

for (const [what, text, value] of readable) {
  test(`lenient parser, with ${what}, reads it`, () => assert.deepEqual(lenient(text), value))
}

for (const text of [
  '',
  '{',
  '{"a"',
  '{"a":',
  '{"a":"b',
  "{'a': 'b'",
  '[1 2]',
  '{"a" 1}',
  '{"a":1}}',
  '{a: 1}',
  '{[]: 1}',
  '1 2',
  "'",
  '\\',
]) {
  test(`lenient parser, given ${JSON.stringify(text)}, gives up without throwing`, () =>
    assert.equal(parseLenient(text), undefined))
}

test('lenient parser, of any JSON, reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (json) =>
      assert.equal(JSON.stringify(lenient(json)), JSON.stringify(JSON.parse(json))),
    ),
    { examples: [['{"__proto__":1,"a":{"__proto__":{"b":[]}}}']] },
  )
})

test('lenient parser, of what Python would print, reads what was printed', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (printed) =>
      assert.equal(JSON.stringify(lenient(python(printed))), JSON.stringify(printed)),
    ),
  )
})

test('depth, of text in quotes, does not count; beyond the limit it is told before parsing', () => {
  const open = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

  assert.equal(isTooDeep(open(maxDepth)), false)
  assert.equal(isTooDeep(open(maxDepth + 1)), true)
  assert.equal(isTooDeep(JSON.stringify({ a: '['.repeat(100) })), false)
  assert.equal(isTooDeep(JSON.stringify({ a: `\\"${'['.repeat(100)}`, b: Array(100).fill([]) })), false)
  assert.equal(isTooDeep(`["]]]]]]]]",${open(maxDepth)}]`), true)
})

test('body, nested as deep as the limit, is read; deeper it is Unknown with a reason', () => {
  const nested = (levels: number) => `{"event_name":"Cdr","x":${'['.repeat(levels)}${']'.repeat(levels)}}`

  assert.equal(eventIn({ body: nested(31) }).name, 'Cdr')
  assert.equal(eventIn({ body: nested(32) }).name, 'Unknown')
  assert.match(eventIn({ body: nested(32) }).problems[0]?.reason ?? '', /deeper than 32/)
})

const megabyte = 1_048_576
const hostile: readonly (readonly [string, string])[] = [
  ['thirty thousand opening brackets', '['.repeat(30_000)],
  ['a megabyte of opening brackets', '['.repeat(megabyte)],
  ['a megabyte of opening braces', '{"a":'.repeat(megabyte / 5)],
  ['a megabyte in one string', `{"event_name":"Cdr","src":"${'x'.repeat(megabyte)}"}`],
  ['a megabyte of backslashes', `{"a":"${'\\'.repeat(megabyte)}`],
  ['a megabyte of escapes', `{'a':'${'\\x41'.repeat(megabyte / 4)}'}`],
  ['a megabyte of spaces before a comma', `{"a":1${' '.repeat(megabyte)},`],
  ['a megabyte of figures', `{"event_name":"Cdr","src":${'9'.repeat(megabyte)}}`],
  ['a megabyte of repeated brackets', 'a[]=1&'.repeat(megabyte / 7)],
  ['a megabyte of repeated keys', 'event_name=Cdr&'.repeat(megabyte / 15)],
  ['a megabyte of different keys', Array.from({ length: 100_000 }, (_, at) => `k${at}=1`).join('&')],
  ['a megabyte of bracket names', `a${'[b]'.repeat(megabyte / 3)}=1`],
  ['a megabyte of percent signs', `event_name=${'%'.repeat(megabyte)}`],
  ['a megabyte of broken escapes', `event_name=${'%ff'.repeat(megabyte / 3)}`],
  ['a megabyte of quotes', "'".repeat(megabyte)],
  ['a megabyte as a key', `{"${'event'.repeat(megabyte / 5)}":"Cdr"}`],
  [
    'a megabyte of small objects in a list',
    `{"event_name":"CdrQueue","detail":[${'{"src":1},'.repeat(megabyte / 10)}{}]}`,
  ],
  ['a megabyte of unknown parameters in a nested text', `event_name=CdrQueue&detail=[${'{},'.repeat(megabyte / 3)}]`],
]

for (const [what, body] of hostile) {
  test(`normalise, given ${what}, ends`, { timeout: 20_000 }, () => {
    for (const contentType of ['application/json', 'application/x-www-form-urlencoded']) {
      const event = eventIn({ body, contentType })

      assert.ok(event.lane.length < 400)
      assert.ok(event.problems.length <= 32)
      assert.ok(!event.problems.some(({ reason }) => reason.startsWith('could not be read')))
    }
  })
}

test('query of a megabyte, of question marks and of slashes, ends', { timeout: 20_000 }, () => {
  for (const query of ['?'.repeat(megabyte), '?a='.repeat(megabyte / 3), '/'.repeat(megabyte), 'a'.repeat(megabyte)]) {
    assert.equal(eventIn({ method: 'GET', query }).name, 'Unknown')
    assert.equal(eventIn({ method: 'GET', path: `/${query}` }).name, 'Unknown')
  }
})

test('parameters, with plus, percent and invalid escapes, decode what can be decoded', () => {
  assert.deepEqual(
    { ...parseParameters('a=b+c&d=e%20f&g=%zz&h=%d8%b3%&i&=x&%=%25') },
    {
      a: 'b c',
      d: 'e f',
      g: '%zz',
      h: 'س%',
      i: '',
      '': 'x',
      '%': '%',
    },
  )
  assert.equal(percentDecode('%ff%d8%b3'), '%ff%d8%b3')
})

test('parameters, in brackets, nest and make lists', () => {
  const plain = (text: string) => JSON.parse(JSON.stringify(parseParameters(text)))

  assert.deepEqual(plain('d[0][a]=1&d[0][b]=2&d[1][a]=3'), { d: [{ a: '1', b: '2' }, { a: '3' }] })
  assert.deepEqual(plain('d[a]=1&d[b][]=2&d[b][]=3'), { d: { a: '1', b: ['2', '3'] } })
  assert.deepEqual(plain('d[]=1'), { d: '1' })
  assert.deepEqual(plain('d[=1&d]=2&[a]=3'), { 'd[': '1', 'd]': '2', '[a]': '3' })
  assert.deepEqual(plain('d=1&d[a]=2'), { d: '1', 'd[a]': '2' })
  assert.deepEqual(plain('d[a]=2&d=1'), { d: [{ a: '2' }, '1'] })
})

test('Persian names, raw, escaped and percent-encoded, are the same text', () => {
  const expected = { campaign: 'کمپین پاییز' }
  const encoded = encodeURIComponent(expected.campaign)

  assert.deepEqual(dataOf(eventIn({ body: '{"event_name":"AutoDialerReport","campaign":"کمپین پاییز"}' })), expected)
  assert.deepEqual(
    dataOf(
      eventIn({
        body: '{"event_name":"AutoDialerReport","campaign":"\\u06a9\\u0645\\u067e\\u06cc\\u0646 \\u067e\\u0627\\u06cc\\u06cc\\u0632"}',
      }),
    ),
    expected,
  )
  assert.deepEqual(
    dataOf(eventIn({ method: 'GET', query: `event_name=AutoDialerReport&campaign=${encoded}` })),
    expected,
  )
})
