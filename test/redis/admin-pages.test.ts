/** The pages of the admin as they are answered, over a real Redis: what they tell, and what they never do. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type FastifyInstance, fastify } from 'fastify'
import { pageRoutes } from '../../src/admin/pages/routes.ts'
import { loadConfig } from '../../src/config.ts'
import { encode } from '../../src/event/stored.ts'
import { createLog } from '../../src/log.ts'
import { errorGroupsOf } from '../../src/queue/error-groups.ts'
import { tellHeartbeat } from '../../src/queue/heartbeat.ts'
import { overviewOf } from '../../src/queue/overview.ts'
import { openQueues } from '../../src/queue/queues.ts'
import { deadJob, replayJob, type World, type WorldOptions, world } from '../support/lanes.ts'
import { freePort } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

const text = '<script>alert("1")</script>'

async function pages(t: TestContext, options: WorldOptions = {}) {
  const w = await world(t, options)
  const { admin, ingress, redis, keys } = w.config
  const { sources, timeZones } = ingress
  const log = createLog({ level: 'silent' })
  const queues = openQueues({ redis, keys, sources, timeZones, log, timeoutMs: 2_000 })
  await queues.ready()
  const app = fastify()
  const [overview, groups] = [overviewOf(queues), errorGroupsOf(queues)]
  await pageRoutes(app, { queues, overview, groups, config: { ...admin, timeZones }, log })
  t.after(async () => {
    await app.close()
    await queues.close()
  })
  return { w, app, get: (url: string) => page(app, url) }
}

async function page(app: FastifyInstance, url: string) {
  const { statusCode, body, headers } = await app.inject({ url })
  return { status: statusCode, body, type: String(headers['content-type']) }
}

const alive = async ({ redis, keys }: World, ...kinds: ('ingress' | 'worker')[]) => {
  for (const kind of kinds)
    await tellHeartbeat(redis, keys, { kind, id: randomUUID(), version: '1.2.3', host: 'h', startedAt: Date.now() })
}

/** Puts an event with this data and body into a lane, as the ingress would. */
async function putEvent(
  w: World,
  lane: string,
  changes: { callId?: string; data?: object; body?: string; query?: string },
) {
  const { callId = null, data = {}, body = '', query = '' } = changes
  const event = w.event(lane, 'e')
  const raw = { ...event.raw, body, query, contentType: 'application/json' }
  const changed = { ...event, callId, data, raw } as typeof event
  assert.ok(encode(changed).length > 0)
  await w.lanes.enqueue(changed)
  return event.eventId
}

const levelOf = (body: string) => /<strong class="level">(.*?)<\/strong> (.*?)<\/p>/.exec(body)?.slice(1)

test('ops page, with nothing to do and an ingress and a worker alive, says that all is well', async (t) => {
  const { w, get } = await pages(t)
  await alive(w, 'ingress', 'worker')

  const { status, body } = await get('/')

  assert.equal(status, 200)
  assert.match(body, /1\.2\.3/)
  const [level, sentence] = levelOf(body) ?? []
  // The suite's Redis may be one without an append-only file, which is worth a word by itself.
  assert.match(`${level} ${sentence}`, /^(Well\. All is well: 1 ingress and 1 worker are alive|Act\. Redis )/)
})

test('ops page, with events that wait and no worker, says so, and what stands still', async (t) => {
  const { w, get } = await pages(t, {
    script: { a: [{ status: 'retry', delayMs: 600_000, error: 'CRM answered 503' }] },
  })
  await alive(w, 'ingress')
  const worker = w.work()
  await w.put('default/call:1', 'a', 'b')
  await waitFor(async () => (await w.states('default/call:1'))['a'] === 'delayed')
  await worker.drain(1_000)

  const { body } = await get('/')

  assert.match(body, /Events wait and no worker is alive\./)
  const held = /<section id="held">([\s\S]*?)<\/section>/.exec(body)?.[1] ?? ''
  assert.match(held, /CRM answered 503/)
  assert.match(held, /data-head="Wait behind"><div>1<\/div>/)
})

test('ops page, with a blocked lane, has its head, its error and both buttons', async (t) => {
  const { w, get } = await pages(t, { env: { DEAD_HEAD: 'block' }, script: { a: ['dead'] } })
  await alive(w, 'ingress', 'worker')
  w.work()
  await w.put('default/call:17', 'a', 'b')
  await waitFor(async () => (await w.states('default/call:17'))['a'] === 'blocked')

  const { body } = await get('/')

  assert.match(body, /1 lane is blocked, the longest for less than a minute/)
  const blocked = /<section id="blocked">([\s\S]*?)<\/section>/.exec(body)?.[1] ?? ''
  assert.match(blocked, /scripted death/)
  assert.match(
    blocked,
    /action="\/dead\/replay"[\s\S]*>Replay<\/button>[\s\S]*action="\/dead\/discard"[\s\S]*>Discard<\/button>/,
  )
})

test('pages, given texts with markup in every place that comes from outside, show it as text', async (t) => {
  const { w, get } = await pages(t, { script: { e: [{ status: 'dead', error: text }] } })
  w.work()
  const callId = `${text}"onload="x`
  await putEvent(w, `default/call:${callId}`, { callId, data: { note: text }, body: text, query: `a=${text}` })
  await deadJob(w, 'e')

  const places = ['/', '/dead', `/dead?error=${encodeURIComponent(text)}`, `/search?q=${encodeURIComponent(callId)}`]
  const call = `/calls/${encodeURIComponent(callId)}`
  for (const url of [
    ...places,
    call,
    `/lanes/${encodeURIComponent(`default/call:${callId}`)}`,
    '/dead/replay?all=true',
  ]) {
    const { status, body } = await get(url)

    assert.equal(status, 200, url)
    assert.ok(!body.includes('<script>') && !body.includes('"onload'), `${url} has the markup`)
    assert.ok(body.includes('&lt;script&gt;'), `${url} does not tell it at all`)
  }
})

test('page of a call, after a failed attempt and a replay, tells both runs, and the same as plain text', async (t) => {
  const { w, get } = await pages(t, {
    env: { SIMOTEL_TIMEZONE: 'Asia/Tehran' },
    script: { a: [{ status: 'retry', delayMs: 1, error: 'CRM answered 503' }, 'dead', 'ok'] },
  })
  w.work()
  await w.put('default/call:1', 'a')
  await replayJob(w, await deadJob(w, 'a'))
  await waitFor(async () => (await w.states('default/call:1'))['a'] === 'completed')

  const { body } = await get('/calls/1')
  const plain = await get('/calls/1?format=text')

  assert.match(
    body,
    /Attempt 1: <strong>retry<\/strong>[\s\S]*CRM answered 503[\s\S]*Attempt 2: <strong>dead<\/strong>[\s\S]*scripted death[\s\S]*Replayed: attempts are counted anew[\s\S]*Attempt 1: <strong>completed<\/strong>[\s\S]*Completed\./,
  )
  assert.match(body, /Times are in Asia\/Tehran/)
  assert.match(plain.type, /^text\/plain/)
  assert.match(
    plain.body,
    /State completed at .*, times in Asia\/Tehran[\s\S]*attempt 1: retry[\s\S]*CRM answered 503[\s\S]*replayed\n[\s\S]*Completed\./,
  )
})

test('page of a call, whose id two sources have used, shows both and tells the one that is chosen', async (t) => {
  const { w, get } = await pages(t, { env: { SOURCES: 'tehran', SHARDS: '4' } })
  await w.put('default/call:1', 'a')
  await w.put('tehran/call:1', 'b')

  const latest = await get('/calls/1')
  const chosen = await get('/calls/1?source=default')

  const links = ['href="/calls/1?source=tehran"', 'href="/calls/1?source=default"']
  for (const { body } of [latest, chosen]) for (const link of links) assert.ok(body.includes(link), link)
  assert.match(latest.body, /source=tehran" aria-current="page"[\s\S]*id="e-b-/)
  assert.match(chosen.body, /source=default" aria-current="page"[\s\S]*id="e-a-/)
})

test('pages, while Redis is away, answer 503 and say what that means', async (t) => {
  const { ingress, admin, keys } = loadConfig({})
  const { sources, timeZones } = ingress
  const log = createLog({ level: 'silent' })
  const { redis } = loadConfig({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  const queues = openQueues({ redis, keys, sources, timeZones, log, timeoutMs: 500 })
  const app = fastify()
  const [overview, groups] = [overviewOf(queues), errorGroupsOf(queues)]
  await pageRoutes(app, { queues, overview, groups, config: { ...admin, timeZones }, log })
  t.after(async () => {
    await app.close()
    await queues.close()
  })

  for (const url of ['/', '/dead', '/calls/1', '/search?q=1', '/dead/replay?all=true']) {
    const { status, body } = await page(app, url)

    assert.equal(status, 503, url)
    assert.match(body, /Redis does not answer, or refuses\./)
  }
})

test('page of a lane, with a slash and letters of another script in its name, is found by its whole name', async (t) => {
  const { w, get } = await pages(t)
  const lane = 'default/queue:فروش/۱:0912'
  await w.put(lane, 'a')

  const { status, body } = await get(`/lanes/${encodeURIComponent(lane)}`)

  assert.equal(status, 200)
  assert.ok(body.includes(`<bdi>${lane}</bdi>`))
})

test('page of a call, with more events than fit, leads to the later ones and back', async (t) => {
  const { w, get } = await pages(t)
  const labels = Array.from({ length: 120 }, (_, index) => `n${index}`)
  await w.put('default/call:1', ...labels)
  const shown = (body: string) => [...body.matchAll(/<article id="e-(n\d+)-/g)].map(([, label]) => label)
  const linkIn = (body: string, name: string) =>
    new RegExp(`href="([^"]*[?&;]${name}=\\d+)"`).exec(body)?.[1]?.replaceAll('&amp;', '&') ?? 'no link'

  const first = await get('/calls/1?source=default')
  const later = await get(linkIn(first.body, 'after'))
  const back = await get(linkIn(later.body, 'before'))

  assert.deepEqual(
    [...shown(first.body), ...shown(later.body)],
    labels.slice(0, shown(first.body).length + shown(later.body).length),
  )
  assert.deepEqual([shown(first.body)[0], shown(later.body).at(-1)], ['n0', 'n119'])
  assert.ok(shown(back.body).includes('n0'))
})

test('page of a call, of which nothing is kept, answers 404 and says why', async (t) => {
  const { get } = await pages(t)

  const { status, body } = await get(`/calls/${'9'.repeat(300)}`)

  assert.equal(status, 404)
  assert.match(body, /Nothing is kept of it\. Completed events are kept for RETENTION_HOURS/)
})

test('pages, with MASK_NUMBERS, show no phone number, in no spelling, and their links work', async (t) => {
  const number = '09121234567'
  const { w, get } = await pages(t, {
    env: { MASK_NUMBERS: 'true' },
    script: { e: [{ status: 'dead', error: `no customer 0912*****67` }] },
  })
  w.work()
  const lane = `default/queue:1010:${number}`
  const persian = [...number].map((digit) => String.fromCharCode(0x6f0 + Number(digit))).join('')
  const escaped = [...persian].map((digit) => `\\u0${digit.charCodeAt(0).toString(16)}`).join('')
  const body = `{"src":"${number}","dst":"${escaped}","x":"${persian}"}`
  await putEvent(w, lane, {
    data: { src: number },
    body,
    query: `src=${encodeURIComponent(persian)}&n=%2B98${number.slice(1)}`,
  })
  await deadJob(w, 'e')
  const shown = [number, persian, escaped, encodeURIComponent(persian), number.slice(1), encodeURIComponent(number)]

  const overview = await get('/dead')
  const link = /href="(\/lanes\/[^"]+)"/.exec(overview.body)?.[1] ?? ''
  const timeline = await get(link)

  assert.match(link, /^\/lanes\/~/)
  assert.equal(timeline.status, 200)
  assert.match(timeline.body, /0912\*\*\*\*\*67/)
  for (const page of [
    overview,
    timeline,
    await get('/'),
    await get(`${link}?format=text`),
    await get('/dead/discard?all=true'),
  ])
    for (const spelling of shown) assert.ok(!page.body.includes(spelling), `${spelling} is shown`)
  assert.equal((await get('/lanes/~made-before')).status, 404)
})

test('confirm page, for a group of errors, says what would be done in which order, and does nothing', async (t) => {
  const { w, get } = await pages(t, {
    script: {
      a: [{ status: 'dead', error: 'no customer 1' }],
      b: [{ status: 'dead', error: 'no customer 2' }],
      c: ['dead'],
    },
  })
  w.work()
  await w.put('default/call:1', 'a', 'b', 'c')
  await deadJob(w, 'c', 3)

  const { status, body } = await get('/dead/replay?group=no+customer+%23&back=%2F%2Felsewhere.example')

  assert.equal(status, 200)
  assert.match(body, /This will replay 2 events in this order, each lane by itself: 1 lane\./)
  assert.ok(body.indexOf('no customer 1') < body.indexOf('no customer 2'))
  assert.ok(!body.includes('elsewhere'), 'it goes on to pages of its own only')
  assert.deepEqual(await w.states('default/call:1'), { a: 'dead', b: 'dead', c: 'dead' })
})

test('confirm page, for a selector that names nothing, answers 400 and says what to give', async (t) => {
  const { get } = await pages(t)

  const { status, body } = await get('/dead/discard')

  assert.equal(status, 400)
  assert.match(body, /The selector names nothing/)
})
