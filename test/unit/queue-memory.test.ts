/** From which share of Redis' memory on it is tight, and until when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryRule } from '../../src/queue/memory.ts'

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
