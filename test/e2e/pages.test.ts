/** The pages in a real Chromium, by what somebody at a call centre does with them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { startAdmin } from '../support/admin.ts'
import { openPage, phone, skip } from '../support/browser.ts'
import { deadJob, type World, type WorldOptions, world } from '../support/lanes.ts'
import { startProcess } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const text = '<script>alert("1")</script><img src=x onerror=alert(2)>'

/** Lanes of a test's own, and the admin over them, listening. */
async function scene(t: TestContext, options: WorldOptions) {
  const w = await world(t, options)
  const { app, begin } = await startAdmin(t, w.config, createLog({ level: 'silent' }))
  await begin()
  return { w, url: await app.listen({ host: '127.0.0.1', port: 0 }) }
}

/** An event of a call, with a number to be found by. */
async function putCall(w: World, callId: string, label: string, { src = '', body = '' } = {}) {
  const event = w.event(`default/call:${callId}`, label)
  const raw = { ...event.raw, body, contentType: 'application/json' }
  await w.lanes.enqueue({ ...event, callId, data: { src, note: body }, raw } as typeof event)
}

test('search by a number in Persian digits, leads to the attempt that failed and why; its replay is seen to complete', {
  skip,
}, async (t) => {
  const { w, url } = await scene(t, {
    script: {
      a: [
        { status: 'retry', delayMs: 1, error: 'CRM answered 503' },
        { status: 'dead', error: 'CRM refused the call' },
        'ok',
      ],
    },
  })
  w.work()
  await putCall(w, '1700000000.1', 'a', { src: '+989121234567' })
  await deadJob(w, 'a')
  const { page, reports } = await openPage(t)

  await page.goto(url)
  await page.getByLabel('Call id, phone number or extension').fill('۰۹۱۲۱۲۳۴۵۶۷')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: '1700000000.1' }).click()
  const story = page.getByRole('article')
  await story.getByText('Attempt 1: retry').waitFor()
  await story.getByText('CRM answered 503').waitFor()
  await story.getByText('CRM refused the call').waitFor()
  await story.getByText('Raw webhook and normalised event').click()
  await story.getByRole('button', { name: 'Replay' }).click()

  await page.getByText('Replayed 1 event.').waitFor()
  await story.getByText(/^Completed\./).waitFor()
  await story.getByText('Replayed: attempts are counted anew.').waitFor()
  assert.equal(await story.getByRole('heading', { name: 'Raw webhook' }).isVisible(), true, 'what was open stays open')
  assert.deepEqual(await w.states('default/call:1700000000.1'), { a: 'completed' })
  assert.deepEqual(reports, [])
})

test('a blocked head, discarded from the ops page, lets its lane go on, and is told among the actions', {
  skip,
}, async (t) => {
  const { w, url } = await scene(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  w.work()
  await putCall(w, '17', 'a')
  await putCall(w, '17', 'b')
  await waitFor(async () => (await w.states('default/call:17'))['a'] === 'blocked')
  const { page, reports } = await openPage(t)

  await page.goto(url)
  await page.locator('#health').getByText('1 lane is blocked').waitFor()
  await page.locator('#blocked').getByRole('button', { name: 'Discard' }).click()
  await page.getByText('This will discard 1 event for good').waitFor()
  await page.getByRole('button', { name: 'Discard 1 event' }).click()

  await page.getByText('Discarded 1 event.').waitFor()
  await page.getByText('No lane is blocked.').waitFor()
  await page.locator('#actions').getByText('local', { exact: true }).waitFor()
  await waitFor(async () => (await w.states('default/call:17'))['b'] === 'completed')
  assert.deepEqual(reports, [])
})

test('a group of dead letters, replayed from its page, runs again in the order that was shown', { skip }, async (t) => {
  const dead = (error: string) => ({ status: 'dead', error }) as const
  const { w, url } = await scene(t, {
    script: { a: [dead('no customer 1'), 'ok'], b: [dead('no customer 2'), 'ok'], c: [dead('no line'), 'ok'] },
  })
  w.work()
  for (const label of ['a', 'b', 'c']) await putCall(w, '5', label)
  await deadJob(w, 'c', 3)
  w.starts.length = 0
  const { page, reports } = await openPage(t)

  await page.goto(`${url}/dead`)
  await page.getByRole('link', { name: 'no customer #' }).click()
  await page.getByRole('button', { name: 'Replay all that fit' }).click()
  await page.getByText('This will replay 2 events in this order').waitFor()
  await page.getByRole('button', { name: 'Replay 2 events' }).click()
  await page.getByText('Replayed 2 events.').waitFor()

  await waitFor(() => w.ends.filter(({ status }) => status === 'completed').length === 2)
  assert.deepEqual(w.labelsOf('default/call:5'), ['a', 'b'])
  assert.deepEqual(reports, [])
})

test('a payload full of markup, on every page, is text: nothing runs, and the policy has nothing to report', {
  skip,
}, async (t) => {
  const { w, url } = await scene(t, { script: { a: [{ status: 'dead', error: text }] } })
  w.work()
  await putCall(w, text, 'a', { body: text, src: '09121234567' })
  await deadJob(w, 'a')
  const { page, reports } = await openPage(t)
  const call = encodeURIComponent(text)

  for (const path of [
    '/',
    '/dead',
    `/search?q=${call}`,
    '/search?q=09121234567',
    '/dead/discard?all=true',
    `/calls/${call}`,
  ]) {
    await page.goto(url + path)
    assert.ok((await page.locator('main').textContent())?.includes('alert("1")'), `${path} does not show it`)
  }
  await page.getByText('Raw webhook and normalised event').click()
  assert.ok((await page.locator('details pre').first().textContent())?.includes(text))
  assert.equal(await page.locator('main script, main img').count(), 0)
  assert.deepEqual(reports, [])
})

test('every page, on a phone, light and dark, scrolls down only; on a dark one it is dark', { skip }, async (t) => {
  const { w, url } = await scene(t, {
    env: { DEAD_HEAD: 'block' },
    script: { a: [{ status: 'dead', error: `CRM refused ${'x'.repeat(300)}` }] },
  })
  w.work()
  const callId = `1700000000.${'1'.repeat(100)}`
  await putCall(w, callId, 'a', { body: `{"x":"${'y'.repeat(500)}"}`, src: '09121234567' })
  await deadJob(w, 'a')

  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, overflows } = await openPage(t, { viewport: phone, colorScheme })
    for (const path of ['/', '/dead', '/search?q=09121234567', '/dead/replay?all=true', `/calls/${callId}`]) {
      await page.goto(url + path)
      for (const summary of await page.locator('main summary').all()) await summary.click()
      assert.equal(await overflows(), false, `${path} in ${colorScheme}`)
    }
    const ground = String(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor'))
    const [red = 0] = (ground.match(/\d+/g) ?? []).map(Number)
    assert.equal(red < 128, colorScheme === 'dark', ground)
  }
})

test('ops page, while it is read, refreshes in place: news come, and what has the focus keeps it', {
  skip,
}, async (t) => {
  const { w, url } = await scene(t, { script: { a: [{ status: 'dead', error: 'CRM refused the call' }] } })
  const { page, reports } = await openPage(t)
  await page.goto(url)
  await page.getByText('There is no dead letter.').waitFor()
  await page.evaluate("document.body.dataset.before = 'yes'")
  w.work()
  await putCall(w, '1', 'a')
  await deadJob(w, 'a')

  await page.getByLabel('Call id, phone number or extension').focus()
  await page.locator('#failures').getByText('CRM refused the call').first().waitFor()

  assert.equal(await page.evaluate('document.body.dataset.before'), 'yes', 'it was loaded anew')
  assert.equal(await page.evaluate('document.activeElement.id'), 'q')
  assert.deepEqual(reports, [])
})

test('the admin process, without its password, shows a viewer nothing; with it, the ops page', { skip }, async (t) => {
  const w = await world(t, { script: { a: [{ status: 'dead', error: 'CRM refused the call' }] } })
  w.work()
  await putCall(w, '1700000000.1', 'a')
  await deadJob(w, 'a')
  const { redis, keys } = w.config
  const process = startProcess(t, 'admin', {
    REDIS_URL: redis.url,
    KEY_PREFIX: keys.prefix,
    ADMIN_PORT: '0',
    ADMIN_PASSWORD: 'secret',
  })
  const { address } = await process.line(({ msg }) => msg === 'admin ready')
  const url = String(address)

  const { page } = await openPage(t)
  for (const path of ['/', '/dead', '/calls/1700000000.1', '/assets/pages.js', '/board']) {
    const answer = await page.request.get(url + path)
    assert.equal(answer.status(), 401, path)
    assert.ok(!(await answer.text()).includes('1700000000'), path)
  }
  const known = await openPage(t, { httpCredentials: { username: 'admin', password: 'secret' } })
  await known.page.goto(url)
  await known.page.getByText('CRM refused the call').first().waitFor()
  assert.deepEqual(known.reports, [])
})
