import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventIds } from '../../src/ingress/event-ids.ts'

const at = 1_700_000_000_123

test('event ids, each of them, are uuids of version 7 that begin with their millisecond', () => {
  const newEventId = createEventIds(() => at)

  for (let count = 0; count < 1_000; count++) {
    assert.match(newEventId(), /^018bcfe5-687b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

test('event ids, within a millisecond, after it and when the clock steps back, sort as they were made', () => {
  let now = at
  const newEventId = createEventIds(() => now)
  const ids: string[] = []

  for (const step of [0, 1, 0, -60_000, 3_600_000]) {
    now += step
    for (let count = 0; count < 600; count++) ids.push(newEventId())
  }

  assert.deepEqual(ids.toSorted(), ids)
})

test('event ids, of two processes in one millisecond, differ', () => {
  const makers = [createEventIds(() => at), createEventIds(() => at)]
  const ids = makers.flatMap((newEventId) => Array.from({ length: 1_000 }, newEventId))

  assert.equal(new Set(ids).size, 2_000)
})
