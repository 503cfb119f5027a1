/**
 * The form of a body: short for what Simotel sends, none for what a form cannot say, and always proved by the body itself.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bodyOf } from '../../src/event/body-form.ts'
import { formOf } from '../../src/event/body-scan.ts'
import type { EventName } from '../../src/event/catalogue.ts'
import { eventNames } from '../../src/event/catalogue.ts'
import { isoOf } from '../../src/event/iso.ts'
import { planOf } from '../../src/event/plan.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { dated } from '../../src/event/stored-whole.ts'
import { eventIn } from '../fixtures/webhook.ts'
import { read } from '../support/source.ts'

const eventOf = (body: string, timeZone = 'UTC') => eventIn({ contentType: 'application/json', body }, { timeZone })

/** What is stored of a body, and that it comes back. */
function formIn(body: string, timeZone?: string): unknown {
  const event = eventOf(body, timeZone)
  const text = encode(event)
  assert.deepEqual(decode(JSON.parse(`{"sequence":1,${text.slice(1)}`)), { ...event, sequence: 1 })
  return JSON.parse(text).raw
}

const call = '"cuid":"1700000000.30"'
const cases: readonly (readonly [string, string, unknown])[] = [
  ['as Python writes it', `{"event_name": "Cdr", "src": "991", "billsec": 5, "cuid": "1.30"}`, { form: ' {ntrc}' }],
  ['without spaces', `{"event":"Cdr","src":991,"billsec":"5",${call}}`, { form: '{vrtc}' }],
  [
    'with dates',
    `{"event_name":"Cdr","starttime":"2023-11-14 22:13:31.384921","endtime":"2023-11-14 22:14:18"}`,
    { form: '{nm921d}' },
  ],
  [
    'with a date of epoch seconds',
    `{"event_name":"TrunkAdded","trunk_name":"E1","date":1700000000}`,
    { form: '{nte}' },
  ],
  ['with words in capitals', `{"event_name":"Cdr","type":"incoming","disposition":"NO ANSWER"}`, { form: '{ntC}' }],
  [
    'with a word nobody knows',
    `{"event_name":"Cdr","src":"1","disposition":"NOANSWERED"}`,
    { form: '{ntl}', words: ['"NOANSWERED"'] },
  ],
  ['with yes and True', `{"event_name":"VoiceMailEmail","active":"True","attached_file":"no"}`, { form: '{nYy}' }],
  [
    'with empty fields',
    `{"event_name":"Cdr","src":"991","record":"","did":"None"}`,
    { form: '{ntox}', words: ['record', 'did', '"None"'] },
  ],
  [
    'with another spelling',
    `{"event_name":"Cdr","start_time":"2023-11-14 22:13:31"}`,
    { form: '{nkd}', words: ['start_time'] },
  ],
  [
    'with fields nobody knows',
    `{"event_name":"Cdr","colour":"red","size":[1,{"a":2}],"no":null}`,
    { form: '{n.t.r.r}' },
  ],
  ['in Persian', `{"event_name":"Cdr","poll_lable":"\u0646\u0638\u0631"}`, { form: '{nt}' }],
  ['in Persian by escapes', `{"event_name":"Cdr","poll_lable":"\\u0646\\u0638\\u0631"}`, { form: '{nu}' }],
  ['with quotes in a text', `{"event_name":"Cdr","record":"a \\"b\\""}`, { form: '{ns}' }],
  [
    'with a group',
    `{"event_name": "IncomingFax", "description": {"FAXPAGES": "2", "FAXERROR": "no"}}`,
    { form: ' {n{tt}}' },
  ],
  [
    'with a list of groups',
    `{"event_name":"CdrQueue","detail":[{"src":"1","wait":"5"},{"dst":"2"}]}`,
    { form: '{n[{tt}{t}]}' },
  ],
]

for (const [what, body, raw] of cases) {
  test(`form of a body, ${what}, is as documented and gives it back`, () => assert.deepEqual(formIn(body), raw))
}

test('form of a body, from a PBX in another zone, says the zone once', () => {
  const body = `{"event_name":"Cdr","starttime":"2023-11-14 22:13:31.384921","endtime":"2023-11-15 01:14:18.000000"}`

  assert.deepEqual(formIn(body, 'Asia/Tehran'), { form: '{nm921m000}', zone: 210 })
})

const whole: readonly (readonly [string, string])[] = [
  ['in lines', `{\n    "event_name": "NewState",\n    "exten": "991"\n}`],
  ['with spaces here and there', `{"event_name": "NewState","exten" :"991"}`],
  ['that is a form', 'event_name=NewState&exten=991'],
  ['that is Python', `{'event_name': 'NewState', 'exten': '991'}`],
  ['that goes on behind its end', `{"event_name":"NewState","exten":"991"} `],
  ['whose names are escaped', `{"event_name":"NewState","\\u0065xten":"991"}`],
  ['that is cut off', `{"event_name":"NewState","exten":"991"`],
  ['that is wrapped', `{"api_data":{"event_name":"NewState","exten":"991"}}`],
  ['of which a form would be longer', `{"event_name":"Cdr","src":"None","dst":"None","did":"None"}`],
  ['that is very long', JSON.stringify({ event_name: 'Cdr', record: 'x'.repeat(9_000) })],
]

for (const [what, body] of whole) {
  test(`a body ${what}, is kept whole`, () => assert.deepEqual(formIn(body), { body }))
}

test('a body, with a name twice and a quote where figures belong, puts nothing of its own into the JSON', () => {
  const date = '2023-11-14 22:13:31'
  const body = `{"event_name":"Cdr","starttime":"${date}.123\\"},","starttime":"${date}.123456"}`

  assert.deepEqual(formIn(body), { form: '{nlx}', words: [`"${date}.123\\"},"`, 'starttime', `"${date}.123456"`] })
})

test('a form that is none, whatever is in it, gives no body and throws nothing', () => {
  const letters = fc
    .array(fc.constantFrom(...' {}[]nvcoxtrsuCPyYedml.k123'), { maxLength: 12 })
    .map((all) => all.join(''))
  const words = fc.array(fc.constantFrom('a', '"b"', ''), { maxLength: 3 })
  const data = fc.dictionary(fc.constantFrom('src', 'startTime', 'detail', 'disposition', 'x'), fc.jsonValue(), {
    maxKeys: 3,
  })
  const zone = fc.oneof(fc.constant(0), fc.double())
  fc.assert(
    fc.property(letters, words, zone, data, (form, given, minutes, repeated) => {
      const body = bodyOf({ form, words: given, zone: minutes }, { name: 'CdrQueue', callId: null, data: repeated })
      assert.ok(body === undefined || body.startsWith('{'))
    }),
    { numRuns: 2_000 },
  )
})

test('the form of anything beside any data, is none or gives it back', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.jsonValue(),
    fc.constantFrom('ANSWERED', '2023-11-14 22:13:31.5', '5'),
  )
  const sent = fc.dictionary(fc.constantFrom('src', 'starttime', 'detail', 'disposition', 'x', '0', '__proto__'), value)
  fc.assert(
    fc.property(sent, sent, fc.constantFrom(...eventNames), (one, other, name) => {
      const body = JSON.stringify(one)
      const { data } = eventOf(JSON.stringify({ ...other, event_name: name }))
      const repeated = { name: name as EventName, callId: null, data: dated(data, planOf(name)) }
      const form = formOf(body, repeated)
      if (form !== undefined) assert.equal(bodyOf(form, repeated), body)
    }),
    { numRuns: 1_000 },
  )
})

test('the first spelling of every field, on which stored bodies rely, is what it was', () => {
  const first = eventNames.flatMap((name) =>
    planOf(name).fields.flatMap((field) => [
      `${name}.${field.name} ${field.wire[0]}`,
      ...(field.inner?.fields ?? []).map((inner) => `${name}.${field.name}.${inner.name} ${inner.wire[0]}`),
    ]),
  )
  const known = read('test/fixtures/first-spellings.txt').trimEnd().split('\n')

  assert.deepEqual(
    known.filter((line) => !first.includes(line)),
    [],
    'a stored body would be given back wrong: leave the first spelling first, or write a new version of the stored form',
  )
  assert.deepEqual(
    first.filter((line) => !known.includes(line)),
    [],
    'new fields: add these lines to test/fixtures/first-spellings.txt',
  )
})

test('a date as ISO text, of any moment, is what toISOString gives', () => {
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => assert.equal(isoOf(date), date.toISOString())))
  assert.equal(isoOf(new Date(Number.NaN)), null)
})
