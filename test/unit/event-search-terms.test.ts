/**
 * Search terms: numbers and extensions of an event, each in one spelling.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalNumber, searchTermsOf } from '../../src/event/search-terms.ts'
import { eventOfJson } from '../fixtures/webhook.ts'

const numbers: readonly (readonly [string, string])[] = [
  ['09121234567', '09121234567'],
  ['+989121234567', '09121234567'],
  ['00989121234567', '09121234567'],
  ['989121234567', '09121234567'],
  ['9121234567', '09121234567'],
  ['+98 (912) 123-4567', '09121234567'],
  ['۰۹۱۲۱۲۳۴۵۶۷', '09121234567'],
  ['٠٩١٢١٢٣٤٥٦٧', '09121234567'],
  ['+۹۸۹۱۲۱۲۳۴۵۶۷', '09121234567'],
  ['982191000492', '02191000492'],
  ['2191000492', '02191000492'],
  ['+442071234567', '00442071234567'],
  ['991', '991'],
  ['۹۹۱', '991'],
  ['98', '98'],
  ['0', '0'],
  ['  553 ', '553'],
  ['failed', 'failed'],
  ['1700000000.101', '1700000000.101'],
  ['', ''],
]

for (const [text, canonical] of numbers) {
  test(`number ${JSON.stringify(text)}, made canonical, is ${canonical}`, () =>
    assert.equal(canonicalNumber(text), canonical))
}

test('search terms, of a record with an agent list, are its parties, once each', () => {
  const event = eventOfJson({
    event_name: 'CdrQueue',
    cuid: '1.30',
    src: '+989120000102',
    dst: '553',
    queue: '901',
    comment: '777',
    detail: [{ src: '09120000102', dst: '551' }, { dst: '553' }],
  })

  assert.deepEqual(searchTermsOf(event), ['09120000102', '553', '551'])
})

test('search terms, of a transfer, are its three parties', () => {
  const event = eventOfJson({ event_name: 'Transfer', transferer: '1', transferred_from: '2', transferred_to: '3' })

  assert.deepEqual(searchTermsOf(event), ['1', '2', '3'])
})

test('search terms, of words, names and long texts, are none', () => {
  const event = eventOfJson({ event_name: 'Cdr', src: 'failed', dst: '9'.repeat(1_000), entry_point: '2191305588' })

  assert.deepEqual(searchTermsOf(event), [])
})

test('search terms, of an unknown event, are what its fields call a party', () => {
  const event = eventOfJson({ event_name: 'CallParked', exten: 991, caller_id: '0912 000 0101', queue: '901', x: '5' })

  assert.deepEqual(searchTermsOf(event), ['991', '09120000101'])
})

test('search terms, of a list without end, are bounded', () => {
  const detail = Array.from({ length: 1_000 }, (_, at) => ({ src: String(at), dst: String(5_000 + at) }))

  assert.equal(searchTermsOf(eventOfJson({ event_name: 'CdrQueue', detail })).length, 32)
})
