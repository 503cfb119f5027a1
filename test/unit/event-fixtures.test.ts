/**
 * Every recorded payload becomes what its line says, over its own wire form and over every other it can take.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventNames } from '../../src/event/catalogue.ts'
import type { RawWebhook } from '../../src/event/event.ts'
import { normalise } from '../../src/event/normalise.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { type ComponentPayload, type EventPayload, fixtureOrigin, loadPayloads } from '../fixtures/payloads.ts'
import { wireForms } from '../fixtures/wire-forms.ts'

const payloads = loadPayloads()
const events = payloads.filter((payload) => payload.kind === 'event')

/** `form` is in both sides, so that a failure names it. */
function assertBecomes(raw: RawWebhook, payload: EventPayload | ComponentPayload, form = 'as recorded'): void {
  const normalised = normalise(raw, fixtureOrigin)
  if (normalised.kind === 'component' || payload.kind === 'component') {
    assert.deepEqual(
      { form, ...normalised },
      {
        form,
        kind: payload.kind,
        callId: payload.callId,
        ...(payload.kind === 'component' ? { appName: payload.appName } : {}),
      },
    )
    return
  }
  const { name, callId, lane, data, problems } = normalised.event
  const { name: n, callId: c, lane: l, data: d, problems: p } = payload
  assert.deepEqual(
    { form, name, callId, lane, data, problems },
    { form, name: n, callId: c, lane: l, data: d, problems: p },
  )
}

test('fixtures, counted, are the 71 recorded payloads and hold every event', () => {
  const names = new Set(events.map((payload) => payload.name))

  assert.equal(payloads.length, 71)
  assert.deepEqual(
    eventNames.filter((name) => !names.has(name)),
    [],
  )
})

for (const payload of payloads) {
  const name = payload.kind === 'event' ? payload.name : 'a component request'
  const title = `normalise, line ${payload.line}, ${payload.source}`

  test(`${title}, is ${name} as its line says`, () => assertBecomes(payload.raw, payload))

  const { fields } = payload
  if (fields === undefined) continue
  test(`${title}, sent in every other wire form, is the same`, () => {
    for (const [form, raw] of wireForms(fields, payload.raw.path)) assertBecomes(raw, payload, form)
  })
}

for (const payload of events) {
  test(`stored form, line ${payload.line}, ${payload.name}, comes back equal`, () => {
    const normalised = normalise(payload.raw, fixtureOrigin)
    assert.equal(normalised.kind, 'event')
    if (normalised.kind !== 'event') return

    const job = encode(normalised.event).replace('{', '{"sequence":1700000000123456,')

    assert.deepEqual(decode(JSON.parse(job)), { ...normalised.event, sequence: 1_700_000_000_123_456 })
  })
}
