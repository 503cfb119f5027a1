import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remembered } from '../../src/event/remembered.ts'

test('remembered, of a short text, answers as asked anew and asks once', () => {
  const asked: string[] = []
  const lengthOf = remembered((text) => {
    asked.push(text)
    return text.length
  })

  for (const text of ['cuid', 'event_name', 'cuid', '__proto__', '', '12', '__proto__', '']) {
    assert.equal(lengthOf(text), text.length)
  }

  assert.deepEqual(asked, ['cuid', 'event_name', '__proto__', '', '12'])
})

test('remembered, of answers that are no, keeps these too', () => {
  let asked = 0
  const isLong = remembered((text) => {
    asked += 1
    return text.length > 3
  })

  assert.deepEqual([isLong('a'), isLong('a'), asked], [false, false, 1])
})

test('remembered, of texts without end, answers them all and keeps a bounded number of short ones', () => {
  let asked = 0
  const same = remembered((text) => {
    asked += 1
    return text
  })
  const long = 'x'.repeat(65)

  for (let turn = 0; turn < 2; turn++) {
    for (let at = 0; at < 3_000; at++) assert.equal(same(String(at)), String(at))
    assert.equal(same(long), long)
  }

  assert.equal(asked, 6_002)
})
