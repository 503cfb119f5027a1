/**
 * The quick reader of the stored form and the schemas agree: on what a stored event is, on what is in it, on what is wrong.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventNames } from '../../src/event/catalogue.ts'
import { normalise } from '../../src/event/normalise.ts'
import { planOf } from '../../src/event/plan.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { readQuickly } from '../../src/event/stored-check.ts'
import { readBySchemas } from '../../src/event/stored-schema.ts'
import { fixtureOrigin, loadPayloads } from '../fixtures/payloads.ts'

const texts = loadPayloads().flatMap(({ raw }) => {
  const normalised = normalise(raw, fixtureOrigin)
  if (normalised.kind !== 'event') return []
  return [
    `{"sequence":7,${encode(normalised.event).slice(1)}`,
    JSON.stringify({ sequence: 7, v: 1, ...normalised.event }),
  ]
})

type Places = { readonly holder: Record<string, unknown>; readonly key: string }[]

/** Every place of a JSON value in which something stands. */
function placesIn(value: unknown, places: Places = []): Places {
  if (typeof value !== 'object' || value === null) return places
  const holder = value as Record<string, unknown>
  for (const key of Object.keys(holder)) {
    places.push({ holder, key })
    placesIn(holder[key], places)
  }
  return places
}

const fieldNames = eventNames.flatMap((name) =>
  planOf(name).fields.flatMap((field) => [field.name, ...(field.inner?.fields.map((one) => one.name) ?? [])]),
)
const anyName = fc.constantFrom(
  ...fieldNames,
  'replayOf',
  'later',
  'form',
  'words',
  'zone',
  'v',
  '__proto__',
  'constructor',
  '0',
)
const anyValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    'other',
    'answered',
    'soon',
    '2023-11-14T22:13:31.000Z',
    '2023',
    'utf8',
    '{n.tktx[{}]}',
    0,
    1,
    2,
    -1,
    1.5,
  ),
  fc.constantFrom<unknown>(true, [], {}, [{}], [null], { startTime: 'x' }, [{ startTime: '2023-11-14T22:13:31.000Z' }]),
  fc.constantFrom<unknown>(2 ** 53, Number.POSITIVE_INFINITY, [[]], [{ field: 'a', value: 'b', reason: 'c' }]),
  fc.constantFrom<unknown>(...eventNames, 'CallParked'),
  fc.jsonValue(),
)
const change = fc.record({ at: fc.nat(), how: fc.constantFrom('put', 'add', 'remove'), name: anyName, value: anyValue })
const changedText = fc.tuple(fc.constantFrom(...texts), fc.array(change, { maxLength: 3 })).map(([text, changes]) => {
  const root: unknown = JSON.parse(text)
  for (const { at, how, name, value } of changes) {
    const places = placesIn(root)
    const place = places[at % Math.max(1, places.length)]
    if (place === undefined) continue
    const { holder, key } = place
    if (how === 'remove') delete holder[key]
    else
      Object.defineProperty(holder, how === 'add' ? name : key, {
        // A value of its own: what is changed next may lie inside.
        value: structuredClone(value),
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
  // As a number beyond all bounds may stand in JSON.
  return JSON.stringify(root, (_key, value) => (value === Number.POSITIVE_INFINITY ? 'beyond' : value)).replaceAll(
    '"beyond"',
    '1e999',
  )
})

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? '1700000000') })
const runs = { numRuns: Number(process.env['FUZZ_RUNS'] ?? '4000') }

/** What a reader makes of a text: the event, or the sentence of its refusal. */
function readBy(reader: (stored: unknown) => unknown, text: string): unknown {
  try {
    return reader(JSON.parse(text))
  } catch (error) {
    return String(error)
  }
}

test('stored form, changed in any place, is read or refused by the quick reader as by the schemas', () => {
  fc.assert(
    fc.property(changedText, (text) => {
      const bySchemas = readBy(readBySchemas, text)
      assert.deepEqual(readBy(decode, text), bySchemas)
      assert.equal(readQuickly(JSON.parse(text)) === undefined, typeof bySchemas === 'string')
    }),
    runs,
  )
})

test('stored form, of either version and any recorded payload, needs no schema', () => {
  for (const text of texts) assert.ok(readQuickly(JSON.parse(text)) !== undefined, text)
})
