/**
 * bull-board in a real Chromium, under the policy for scripts that it is given: it draws, links to a timeline, offers no change.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testAdmin } from '../support/admin.ts'
import { openPage, skip } from '../support/browser.ts'
import { listen } from '../support/ingress.ts'
import { world } from '../support/lanes.ts'
import { settled } from '../support/queues.ts'

test('the board, opened in a browser, shows a dead letter with its error and a link to its timeline, and nothing is refused', {
  skip,
}, async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  await w.put('default/call:1700000000.101', 'a')
  w.work()
  await settled(w)
  const admin = await testAdmin(t, { REDIS_URL: w.config.redis.url, KEY_PREFIX: w.config.keys.prefix })
  await admin.begin()
  const port = await listen(admin.app)
  const { page, reports } = await openPage(t)

  await page.goto(`http://127.0.0.1:${port}/board`)
  await page.getByText('shard 0: events').first().click()
  await page.getByText('scripted death').first().waitFor()
  const [timeline] = await page.locator('a[href*="/lanes/"], a[href*="/calls/"]').all()

  assert.match((await timeline?.getAttribute('href')) ?? '', /^\/lanes\/default%2Fcall%3A1700000000\.101$/)
  assert.equal(await page.getByRole('button', { name: /retry|promote|clean|obliterate|pause/i }).count(), 0)
  assert.deepEqual(reports, [])
})
