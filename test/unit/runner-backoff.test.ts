/**
 * Backoff, and the options it comes from.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../src/runner/backoff.ts'
import { type Defaults, settle } from '../../src/runner/options.ts'

const defaults: Defaults = {
  attempts: 20,
  timeoutMs: 30_000,
  backoff: { firstMs: 1_000, maxMs: 300_000 },
  concurrency: 64,
  retryLaterMaxMs: 86_400_000,
}

test('backoffMs, without jitter, doubles from the first wait up to the longest', () => {
  const waits = [1, 2, 3, 6, 7, 8, 2_000].map((failed) =>
    backoffMs(failed, { firstMs: 1_000, maxMs: 60_000, jitter: 0 }),
  )

  assert.deepEqual(waits, [1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000])
})

test('backoffMs, with a first wait of 0, is 0 however many attempts failed', () => {
  assert.equal(backoffMs(5_000, { firstMs: 0, maxMs: 60_000, jitter: 0.5 }), 0)
})

test('backoffMs, with any jitter, is a whole number between its share and the whole of the wait', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), share, random, (failed, jitter, chance) => {
      const whole = backoffMs(failed, { firstMs: 1_000, maxMs: 300_000, jitter: 0 })

      const wait = backoffMs(failed, { firstMs: 1_000, maxMs: 300_000, jitter }, () => chance)

      assert.ok(Number.isInteger(wait) && wait <= whole && wait >= Math.floor(whole * (1 - jitter)))
    }),
  )
})

test('backoffMs, for no failed attempt, refuses', () => {
  for (const failed of [0, -1, Number.NaN]) {
    assert.throws(() => backoffMs(failed, { firstMs: 1, maxMs: 1, jitter: 0 }), RangeError)
  }
})

test('settle, given no options, takes every default', () => {
  assert.deepEqual(settle({}, defaults), { ...defaults, backoff: { firstMs: 1_000, maxMs: 300_000, jitter: 0.5 } })
})

test('settle, given some options, keeps them beside the defaults', () => {
  const settled = settle({ attempts: 3, backoff: { jitter: 0 }, concurrency: 1 }, defaults)

  assert.equal(settled.attempts, 3)
  assert.equal(settled.concurrency, 1)
  assert.equal(settled.timeoutMs, 30_000)
  assert.deepEqual(settled.backoff, { firstMs: 1_000, maxMs: 300_000, jitter: 0 })
})

test('settle, given a first wait above the default longest one, waits that long each time', () => {
  assert.deepEqual(settle({ backoff: { firstMs: 600_000 } }, defaults).backoff, {
    firstMs: 600_000,
    maxMs: 600_000,
    jitter: 0.5,
  })
})

test('settle, given a longest wait below the default first one, never waits longer', () => {
  assert.equal(settle({ backoff: { maxMs: 100 } }, defaults).backoff.firstMs, 100)
})
