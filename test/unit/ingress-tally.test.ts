/** What an ingress says of itself in its heartbeat: how much it took, how quickly it answered in the last minute. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTally } from '../../src/ingress/tally.ts'

const nobody = { received: () => {}, acked: () => {} }

test('tally, of acks, tells what 99 of 100 came within, at most a fifth too high', () => {
  const tally = createTally(nobody, () => 0)

  for (let at = 0; at < 985; at++) tally.acked(2)
  for (let at = 0; at < 15; at++) tally.acked(200)

  const { ackP99Ms = 0 } = tally.read()
  assert.ok(ackP99Ms >= 200 && ackP99Ms <= 240, String(ackP99Ms))
})

test('tally, of acks, forgets after a minute, and tells none where there was none', () => {
  let at = 1_000_000
  const tally = createTally(nobody, () => at)
  assert.equal(tally.read().ackP99Ms, undefined)

  tally.acked(1_000)
  at += 49_000
  tally.acked(1)
  const within = tally.read().ackP99Ms ?? 0
  at += 20_000
  const later = tally.read().ackP99Ms ?? 0
  at += 3_600_000

  assert.ok(within >= 1_000, String(within))
  assert.ok(later >= 1 && later <= 1.2, String(later))
  assert.equal(tally.read().ackP99Ms, undefined)
})

test('tally, of very quick and very slow acks, keeps both', () => {
  const tally = createTally(nobody, () => 0)

  tally.acked(0)
  assert.equal(tally.read().ackP99Ms, 0.1)
  tally.acked(3_600_000)
  assert.ok((tally.read().ackP99Ms ?? 0) > 100_000)
})

test('tally, of webhooks, counts those that became events, and hands all of them on', () => {
  const seen: string[] = []
  const tally = createTally({ received: ({ outcome }) => void seen.push(outcome), acked: () => void seen.push('ack') })

  tally.received({ outcome: 'taken', event: 'Cdr', transport: 'json' })
  tally.received({ outcome: 'spooled', event: 'Cdr', transport: 'json' })
  tally.received({ outcome: 'duplicate', event: 'Cdr', transport: 'json' })
  tally.received({ outcome: 'unauthorized' })
  tally.acked(1)

  assert.equal(tally.read().received, 2)
  assert.deepEqual(seen, ['taken', 'spooled', 'duplicate', 'unauthorized', 'ack'])
})
