/** From which share of Redis' memory on it is tight, and until when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryRule } from '../../src/queue/memory.ts'
import { healthIn, memoryShareOf, risksOf } from '../../src/queue/redis-health.ts'

test('memory, rising to 80 % and falling again, is tight from 80 % on and until it is below 75 %', () => {
  const isTight = memoryRule({ first: false })

  const found = [0, 0.799, 0.8, 0.99, 0.79, 0.75, 0.749, 0.79].map(isTight)

  assert.deepEqual(found, [false, false, true, true, true, true, false, false])
})

test('memory, first seen between 75 % and 80 %, is what the asker assumes in doubt', () => {
  assert.equal(memoryRule({ first: true })(0.77), true)
  assert.equal(memoryRule({ first: true })(0.74), false)
  assert.equal(memoryRule({ first: false })(0.77), false)
})

test('health, of an INFO that hides its settings, sees no risk; of one that tells them, each', () => {
  assert.deepEqual(risksOf(healthIn('redis_version:7.2.4\r\n')), [])

  const told = 'maxmemory_policy:allkeys-lru\r\naof_enabled:0\r\naof_last_write_status:err\r\n'
  assert.deepEqual(risksOf(healthIn(told)), ['evicts', 'no-append-only-file', 'cannot-write'])
})

test('memory, of a server, is what counts against its limit, without the buffers that Redis leaves out', () => {
  const info = 'used_memory:900\r\nmem_not_counted_for_evict:100\r\nmaxmemory:1000\r\n'

  assert.equal(memoryShareOf(healthIn(info)), 0.8)
  assert.equal(memoryShareOf(healthIn('used_memory:900\r\nmaxmemory:0\r\n')), 0)
})
