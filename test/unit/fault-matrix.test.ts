/** The fault matrix has a test for every row, and no row that the list does not know. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faults } from '../faults/matrix.ts'
import { filesUnder, read } from '../support/source.ts'

const tests = filesUnder('test/faults', /\.test\.ts$/)
  .map((file) => read(file))
  .join('\n')

for (const fault of faults) {
  test(`fault matrix, at "${fault}", has a test of that name`, () => {
    assert.ok(new RegExp(`['"]${fault.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}['"]`).test(tests))
  })
}

test('fault matrix, over all files in test/faults, holds no test outside it', () => {
  assert.equal(/^\s*test\(/m.test(tests), false)
})
