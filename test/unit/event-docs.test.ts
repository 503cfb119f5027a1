/**
 * docs/events.md is what the catalogue and the schemas say.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventsDoc } from '../../scripts/events-doc.ts'
import { eventNames } from '../../src/event/catalogue.ts'
import { planOf } from '../../src/event/plan.ts'

test('docs/events.md, beside the schemas, is what scripts/events-doc.ts writes', () => {
  const written = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8')

  assert.equal(written, eventsDoc(), 'run: node -C source --import tsx scripts/events-doc.ts')
})

test('docs/events.md, of every event, names every field', () => {
  const doc = eventsDoc()
  for (const name of eventNames) {
    const section = doc.slice(doc.indexOf(`\n## ${name}\n`)).split('\n## ')[1] ?? ''
    assert.ok(section.startsWith(name))
    for (const field of planOf(name).fields)
      assert.ok(section.includes(`| \`${field.name}\` |`), `${name}.${field.name}`)
  }
})
