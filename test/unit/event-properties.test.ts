/**
 * What holds for every webhook, whatever its bytes: an event comes out, it can be stored and read back, its lane is bounded.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalName, eventNames } from '../../src/event/catalogue.ts'
import type { RawWebhook } from '../../src/event/event.ts'
import { normalise } from '../../src/event/normalise.ts'
import { planOf } from '../../src/event/plan.ts'
import { searchTermsOf } from '../../src/event/search-terms.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { fixtureOrigin } from '../fixtures/payloads.ts'
import { webhook } from '../fixtures/webhook.ts'
import { python, wireForms } from '../fixtures/wire-forms.ts'

const wireNames = eventNames.flatMap((name) =>
  planOf(name).fields.flatMap((field) => [...field.wire, ...(field.inner?.fields.flatMap(({ wire }) => wire) ?? [])]),
)
const fieldName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...wireNames, 'event_name', 'event', 'cuid', 'app_name', 'api_data') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'EVENT NAME', '', 'a[b]', 'Start_Time'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    ...eventNames,
    'ANSWERED',
    'NO ANSWER',
    'InUse',
    'None',
    '',
    null,
    true,
    'False',
    '1700000000.30',
  ),
  fc.constantFrom<unknown>(
    '2023-11-14 22:13:31.5',
    '11:55:33.208640 2017-11-12',
    '[{"src":1}]',
    "{'FAXPAGES': '1'}",
    '[[',
  ),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'binary' }),
)
const fields = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('fields')),
  fields: fc
    .array(fc.tuple(fieldName, tie('value')), { maxLength: 12 })
    .map((entries) => Object.fromEntries(entries) as Record<string, unknown>),
})).fields as fc.Arbitrary<Record<string, unknown>>

/** Bodies near what is readable, and cuts of them. */
const nearBody = fc
  .tuple(fields, fc.constantFrom(JSON.stringify, python), fc.option(fc.nat(400)))
  .map(([sent, print, cut]) => (cut === null ? print(sent) : print(sent).slice(0, cut)))
const query = fc.oneof(
  fc.string({ unit: 'binary' }),
  fields.map((sent) => wireForms(sent, '/').find(([form]) => form === 'query with brackets')?.[1].query ?? ''),
)
const body = fc.oneof(nearBody, query, fc.string({ unit: 'binary' }), fc.json())
const path = fc.oneof(
  fc.constantFrom('/', '//', '', '/NewState', '//New%20State/', '/%ff', '/token/cdr'),
  fc.string({ unit: 'binary' }).map((text) => `/${text}`),
)
const anyWebhook: fc.Arbitrary<RawWebhook> = fc
  .record({
    method: fc.constantFrom('GET', 'POST'),
    path,
    query: fc.oneof(fc.constant(''), query),
    contentType: fc.constantFrom('', 'application/json', 'application/x-www-form-urlencoded', 'text/plain; charset=x'),
    body,
    bodyEncoding: fc.constantFrom('utf8' as const, 'utf8' as const, 'base64' as const),
  })
  .map(webhook)
const anyOrigin = fc
  .constantFrom('UTC', 'Asia/Tehran', 'America/St_Johns')
  .map((timeZone) => ({ ...fixtureOrigin, timeZone }))
// The same webhooks on every run, so that a red run is a change of the code; FUZZ_SEED looks for new ones.
fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? '1700000000') })
const runs = { numRuns: Number(process.env['FUZZ_RUNS'] ?? '1500') }

function holdsFor(raw: RawWebhook, origin: typeof fixtureOrigin): void {
  const normalised = normalise(raw, origin)
  if (normalised.kind === 'component') {
    assert.equal(typeof normalised.appName, 'string')
    return
  }
  const { event } = normalised
  assert.ok(eventNames.includes(event.name))
  assert.ok(event.raw === raw)
  assert.ok(event.callId === null || (event.callId !== '' && event.callId !== 'None'))
  assert.ok(event.lane.startsWith('default/') && event.lane.length < 400 && !/[\p{Cc}\p{Cs}]/u.test(event.lane))
  assert.ok(event.problems.length <= 32 && !event.problems.some(({ reason }) => reason.startsWith('could not be read')))
  assert.equal(Object.getPrototypeOf(event.data), Object.prototype)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.ok(searchTermsOf(event).every((term) => term.length <= 32))
  const text = encode(event)
  assert.ok(text.startsWith('{"v":2,'))
  const stored = JSON.parse(text.replace('{', '{"sequence":1700000000123456,'))
  assert.deepEqual(decode(stored), { ...event, sequence: 1_700_000_000_123_456 })
}

test('normalise, of an object where a yes or no belongs, keeps the event and says so', () => {
  const raw = webhook({ method: 'GET', path: '//New%20State/', query: 'dialer%5B0%5D%5Bexten%5D=0' })
  holdsFor(raw, fixtureOrigin)
  const normalised = normalise(raw, fixtureOrigin)
  assert.ok(normalised.kind === 'event' && normalised.event.problems.some(({ field }) => field === 'dialer'))
})

test('normalise, of any webhook, gives an event that can be stored and read back', () => {
  fc.assert(fc.property(anyWebhook, anyOrigin, holdsFor), runs)
})

test('normalise, of any bytes as body, gives an event', () => {
  const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => {
    const text = Buffer.from(bytes).toString('utf8')
    const isUtf8 = Buffer.from(text, 'utf8').equals(Buffer.from(bytes))
    return webhook({
      body: isUtf8 ? text : Buffer.from(bytes).toString('base64'),
      bodyEncoding: isUtf8 ? 'utf8' : 'base64',
    })
  })
  fc.assert(fc.property(anyBytes, anyOrigin, holdsFor), runs)
})

test('normalise, of the same webhook twice, gives the same', () => {
  fc.assert(
    fc.property(anyWebhook, anyOrigin, (raw, origin) =>
      assert.deepEqual(normalise(raw, origin), normalise(raw, origin)),
    ),
    { numRuns: 300 },
  )
})

test('normalise, of a named event with any text in its fields, keeps the name over JSON, Python text, query and form', () => {
  const named = fc.constantFrom(...eventNames.filter((name) => name !== 'Unknown'))
  const texts = fc.dictionary(fc.constantFrom(...wireNames), fc.string({ unit: 'grapheme' }))
  fc.assert(
    fc.property(named, texts, (name, sent) => {
      const all = wireForms({ ...sent, event_name: name }, '/').map(([form, raw]) => {
        const normalised = normalise(raw, fixtureOrigin)
        assert.equal(normalised.kind, 'event', form)
        if (normalised.kind !== 'event') return undefined
        assert.equal(normalised.event.name, canonicalName(name), form)
        const { data, lane, callId, problems } = normalised.event
        return { data, lane, callId, problems }
      })
      for (const event of all) assert.deepEqual(event, all[0])
    }),
    { numRuns: 300 },
  )
})
