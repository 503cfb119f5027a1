/**
 * docs/errors.md lists every code with cause and remedy, and no other.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodes } from '../../src/errors.ts'
import { read } from '../support/source.ts'

const page = read('docs/errors.md')
const sections = page.split(/^## /m).slice(1)

test('docs/errors.md, beside src/errors.ts, has a section for every code and for no other, in the same order', () => {
  const codes = sections.map((section) => section.split('\n')[0])

  assert.deepEqual(codes, [...errorCodes])
})

test('docs/errors.md, in its table, lists every code in the same order', () => {
  const codes = [...page.matchAll(/^\| \[(BRIDGE_\w+)\]\(#(\w+)\)/gm)]

  assert.deepEqual(
    codes.map(([, code, anchor]) => [code, anchor]),
    errorCodes.map((code) => [code, code.toLowerCase()]),
  )
})

for (const section of sections) {
  const code = section.split('\n')[0]
  test(`docs/errors.md, at ${code}, says cause and remedy`, () => {
    assert.match(section, /\*\*Cause\.\*\* \S.{15,}/)
    assert.match(section, /\*\*Remedy\.\*\* \S.{15,}/)
  })
}
