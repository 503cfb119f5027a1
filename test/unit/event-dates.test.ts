/**
 * Dates without a zone, in the zone of their source; and the other ways a moment is written.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dateOf, dateOfEpoch } from '../../src/event/dates.ts'
import { dataOf, eventIn, eventOfJson } from '../fixtures/webhook.ts'

const cases: readonly (readonly [string, string, string, string | undefined])[] = [
  ['with a fraction', '2021-01-16 06:30:37.471398', 'UTC', '2021-01-16T06:30:37.471Z'],
  ['without a fraction', '2023-02-10 19:09:00', 'UTC', '2023-02-10T19:09:00.000Z'],
  ['with a short fraction', '2021-01-16 06:30:37.5', 'UTC', '2021-01-16T06:30:37.500Z'],
  ['cut and not rounded', '2021-01-16 23:59:59.999999', 'UTC', '2021-01-16T23:59:59.999Z'],
  ['the time first, as tables print it', '11:55:33.208640 2017-11-12', 'UTC', '2017-11-12T11:55:33.208Z'],
  ['ISO with Z', '2021-01-16T06:30:37.471398Z', 'Asia/Tehran', '2021-01-16T06:30:37.471Z'],
  ['ISO with an offset', '2021-01-16T10:00:37+03:30', 'UTC', '2021-01-16T06:30:37.000Z'],
  ['ISO with a western offset', '2021-01-16T01:30:37-0500', 'UTC', '2021-01-16T06:30:37.000Z'],
  ['ISO without a zone', '2021-01-16T10:00:37', 'Asia/Tehran', '2021-01-16T06:30:37.000Z'],
  ['epoch text', '1675683148.9228208', 'Asia/Tehran', '2023-02-06T11:32:28.922Z'],
  ['epoch text, whole', '1610782193', 'UTC', '2021-01-16T07:29:53.000Z'],
  ['epoch milliseconds', '1610782193382', 'UTC', '2021-01-16T07:29:53.382Z'],
  ['a day alone', '2021-01-16', 'Asia/Tehran', '2021-01-15T20:30:00.000Z'],
  ['Tehran in winter', '2021-01-16 10:00:00', 'Asia/Tehran', '2021-01-16T06:30:00.000Z'],
  [
    'Tehran in the summer of 2021, still with summer time',
    '2021-07-16 10:00:00',
    'Asia/Tehran',
    '2021-07-16T05:30:00.000Z',
  ],
  ['Tehran in the summer of 2023, without', '2023-07-16 10:00:00', 'Asia/Tehran', '2023-07-16T06:30:00.000Z'],
  ['Tehran, an hour after its clocks went forward', '2021-03-22 01:30:00', 'Asia/Tehran', '2021-03-21T21:00:00.000Z'],
  ['Tehran, an hour before its clocks go forward', '2021-03-21 23:30:00', 'Asia/Tehran', '2021-03-21T20:00:00.000Z'],
  ['Tehran, an hour that comes twice', '2021-09-21 23:30:00', 'Asia/Tehran', '2021-09-21T19:00:00.000Z'],
  ['Tehran, after the hour that came twice', '2021-09-22 00:00:00', 'Asia/Tehran', '2021-09-21T20:30:00.000Z'],
  ['Tehran, an hour that is left out', '2021-03-22 00:30:00', 'Asia/Tehran', '2021-03-21T21:00:00.000Z'],
  ['Berlin, an hour that is left out', '2021-03-28 02:30:00', 'Europe/Berlin', '2021-03-28T01:30:00.000Z'],
  ['Berlin, an hour that comes twice', '2021-10-31 02:30:00', 'Europe/Berlin', '2021-10-31T00:30:00.000Z'],
  ['a leap day', '2024-02-29 00:00:00', 'UTC', '2024-02-29T00:00:00.000Z'],
  ['no leap day', '2023-02-29 00:00:00', 'UTC', undefined],
  ['no month', '2023-00-01 00:00:00', 'UTC', undefined],
  ['no day', '2023-12-00 00:00:00', 'UTC', undefined],
  ['a thirteenth month', '2023-13-01 00:00:00', 'UTC', undefined],
  ['an hour past midnight', '2023-12-01 24:00:00', 'UTC', undefined],
  ['a date of the Persian calendar', '1402-08-23 10:00:00', 'UTC', undefined],
  ['zeroes', '0000-00-00 00:00:00', 'UTC', undefined],
  ['a small figure', '12', 'UTC', undefined],
  ['words', 'yesterday', 'UTC', undefined],
]

for (const [circumstance, text, zone, expected] of cases) {
  test(`date, ${circumstance}, read in ${zone}, is ${expected ?? 'none'}`, () => {
    assert.equal(dateOf(text, zone)?.toISOString(), expected)
  })
}

test('epoch seconds, as number and as text, are the same moment', () => {
  for (const figure of [1675683148.9228208, 1700007000.001, 1700007000.999, 1610782193]) {
    assert.deepEqual(dateOfEpoch(figure), dateOf(String(figure), 'UTC'))
  }
  assert.equal(dateOfEpoch(1700007000.001)?.toISOString(), '2023-11-15T00:10:00.001Z')
})

test('dates, in an event of a source with local time, are read in its zone', () => {
  const sent = { event_name: 'Cdr', starttime: '2021-07-16 10:00:00.5', endtime: '2023-07-16 10:00:00' }

  assert.deepEqual(dataOf(eventOfJson(sent, { timeZone: 'Asia/Tehran' })), {
    startTime: new Date('2021-07-16T05:30:00.500Z'),
    endTime: new Date('2023-07-16T06:30:00.000Z'),
  })
})

test('epoch dates, of a queue record as one integration sends them, are dates', () => {
  const sent = { event_name: 'CdrQueue', starttime: '1610782193.310319', endtime: 1610782228 }

  assert.deepEqual(dataOf(eventOfJson(sent)), {
    startTime: new Date('2021-01-16T07:29:53.310Z'),
    endTime: new Date('2021-01-16T07:30:28.000Z'),
  })
})

test('a date that is none, is undefined and listed, and the event keeps its name', () => {
  const event = eventIn({ body: '{"event_name":"Survey","date":"yesterday","point":5}' })

  assert.equal(event.name, 'Survey')
  assert.deepEqual(event.data, { point: 5 })
  assert.deepEqual(event.problems, [{ field: 'date', value: 'yesterday', reason: 'not a date' }])
})
