/**
 * The admin's API over lanes in a real Redis: what each address tells, what replay and discard do, and what is masked.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { encode } from '../../src/event/stored.ts'
import { eventOf } from '../../src/testing.ts'
import { type Answer, testAdmin } from '../support/admin.ts'
import { type WorldOptions, world } from '../support/lanes.ts'
import { putAll, settled } from '../support/queues.ts'
import { waitFor } from '../support/wait.ts'

type Row = Record<string, unknown>
const rows = (answer: Answer, name: string) => answer.body[name] as Row[]

/** A world and its admin, which has begun. */
async function place(t: TestContext, { env = {}, ...options }: WorldOptions = {}, own: Record<string, string> = {}) {
  const w = await world(t, { env, ...options })
  const { prefix, shards } = w.config.keys
  const admin = await testAdmin(t, {
    REDIS_URL: w.config.redis.url,
    KEY_PREFIX: prefix,
    SHARDS: String(shards),
    ...own,
  })
  await admin.begin()
  return { w, admin }
}

const dies = { a: ['dead', 'ok'], b: ['ok'] } as const
const call = 'default/call:1700000000.101'

test('admin, asked for the overview, tells what is where, and which processes live', async (t) => {
  const { w, admin } = await place(t)
  await w.put(call, 'a', 'b', 'c')

  const { status, body } = await admin.get('/api/overview')

  assert.equal(status, 200)
  const { waiting, active, delayed, parked, dead, lanes, blockedLanes, workers, spool } = body
  assert.deepEqual(
    { waiting, active, delayed, parked, dead, lanes, blockedLanes, workers, spool },
    {
      waiting: 1,
      active: 0,
      delayed: 0,
      parked: 2,
      dead: 0,
      lanes: 1,
      blockedLanes: 0,
      workers: 0,
      spool: { events: 0, bytes: 0, oldestMs: 0, quarantined: 0 },
    },
  )
  assert.ok(Number(body['oldestWaitingMs']) > 0)
})

test('admin, asked for a call, tells its events in order with each attempt; by its lane the same', async (t) => {
  const { w, admin } = await place(t, { script: { a: ['fail', 'ok'], b: ['dead'] } })
  await w.put(call, 'a', 'b')
  w.work()
  await settled(w)

  const byId = await admin.get('/api/calls/1700000000.101')
  const byLane = await admin.get(`/api/lanes/${encodeURIComponent(call)}`)

  assert.equal(byId.status, 200, byId.text)
  const { callId, lane, state, sources } = byId.body
  assert.deepEqual([callId, lane, state, sources], ['1700000000.101', call, 'dead', ['default']])
  const told = rows(byId, 'events').map((event) => [
    String(event['eventId']).slice(0, 1),
    event['state'],
    (event['attempts'] as Row[]).map(({ attempt, outcome, error }) => [attempt, outcome, error]),
  ])
  assert.deepEqual(told, [
    [
      'a',
      'completed',
      [
        [1, 'retry', 'scripted failure'],
        [2, 'completed', undefined],
      ],
    ],
    ['b', 'dead', [[1, 'dead', 'scripted death']]],
  ])
  assert.match(String(rows(byId, 'events')[0]?.['receivedAt']), /^\d{4}-\d\d-\d\dT.*Z$/)
  assert.deepEqual(byLane.body['events'], byId.body['events'])
})

test('admin, asked for a lane that is no call’s and for one of another source, finds each by its encoded name', async (t) => {
  const { w, admin } = await place(t, {}, { SOURCES: 'tehran' })
  await w.put('default/queue:1010:09120000101', 'a')
  await w.put('tehran/call:7.1', 'b')

  const queue = await admin.get(`/api/lanes/${encodeURIComponent('default/queue:1010:09120000101')}`)
  const chosen = await admin.get('/api/calls/7.1?source=tehran')
  const found = await admin.get('/api/calls/7.1')
  const wrong = await admin.get('/api/calls/7.1?source=default')

  assert.deepEqual([queue.status, queue.body['callId'], rows(queue, 'events').length], [200, null, 1])
  assert.deepEqual([chosen.body['source'], found.body['source']], ['tehran', 'tehran'])
  assert.deepEqual([wrong.status, wrong.body['code']], [404, 'BRIDGE_NOT_FOUND'])
})

test('admin, asked to search, finds a call by its id, and refuses an empty question', async (t) => {
  const { w, admin } = await place(t)
  await w.put(call, 'a')

  const found = await admin.get('/api/search?q=1700000000.101')
  const empty = await admin.get('/api/search?q=')

  assert.deepEqual(
    rows(found, 'calls').map(({ callId, lane, source, events, state }) => [callId, lane, source, events, state]),
    [['1700000000.101', call, 'default', 1, 'waiting']],
  )
  assert.deepEqual([empty.status, empty.body['code']], [400, 'BRIDGE_BAD_REQUEST'])
})

test('admin, asked for dead letters, tells them newest first, page by page, filtered and grouped', async (t) => {
  const { w, admin } = await place(t, { script: { a: ['dead'], b: ['dead'], c: ['dead'] } })
  for (const label of ['a', 'b', 'c']) {
    await w.put(`default/call:${label}`, label)
    if (label === 'a') w.work()
    await settled(w)
  }

  const first = await admin.get('/api/dead?limit=2')
  const second = await admin.get(`/api/dead?limit=2&cursor=${first.body['cursor']}`)
  const ofCall = await admin.get('/api/dead?call=b')
  const ofError = await admin.get('/api/dead?error=no+such+thing')
  const groups = await admin.get('/api/errors')

  const lanes = (answer: Answer) => rows(answer, 'dead').map(({ lane }) => lane)
  assert.deepEqual([lanes(first), lanes(second)], [['default/call:c', 'default/call:b'], ['default/call:a']])
  assert.equal(second.body['cursor'], null)
  assert.deepEqual([lanes(ofCall), lanes(ofError)], [['default/call:b'], []])
  const [letter] = rows(ofCall, 'dead')
  assert.deepEqual([letter?.['error'], letter?.['attempts'], letter?.['name']], ['scripted death', 1, 'Unknown'])
  assert.deepEqual((letter as { event: Row } | undefined)?.event['raw'], w.event('x', 'b').raw)
  assert.deepEqual(
    rows(groups, 'groups').map(({ group, count }) => [group, count]),
    [['scripted death', 3]],
  )
})

test('admin, told to replay a blocked head, after a dry run that changes nothing, lets the lane go on, and records who', async (t) => {
  const env = { DEAD_HEAD: 'block' }
  const { w, admin } = await place(t, { script: dies, env })
  await w.put(call, 'a', 'b')
  w.work()
  const { eventId, behind, error } = await waitFor(async () => rows(await admin.get('/api/blocked'), 'blocked')[0])

  const dry = await admin.post('/api/replay', { eventId, dryRun: true })
  const stillBlocked = rows(await admin.get('/api/blocked'), 'blocked').length
  const wet = await admin.post('/api/replay', { eventId })

  assert.deepEqual([behind, error], [1, 'scripted death'])
  assert.deepEqual(
    [dry.body, stillBlocked],
    [{ replayed: 1, eventIds: [eventId], planned: 1, isComplete: true, dryRun: true }, 1],
  )
  assert.deepEqual(wet.body, { replayed: 1, eventIds: [eventId], planned: 1, isComplete: true, dryRun: false })
  await settled(w)
  assert.deepEqual(w.labelsOf(call), ['a', 'a', 'b'])
  const [ended, begun] = (await w.redis.lrange(w.keys.actions, 0, -1)).map((text) => JSON.parse(text))
  assert.deepEqual([begun.who, begun.what, begun.selector, ended.done], ['local', 'replay', { eventId }, 1])
})

test('admin, told to discard by call and error, discards those and no other', async (t) => {
  const { w, admin } = await place(t, { script: { a: ['dead'], b: ['dead'] } })
  await w.put('default/call:1.1', 'a')
  await w.put('default/call:1.2', 'b')
  w.work()
  await settled(w)

  const none = await admin.post('/api/discard', { callId: '1.1', error: 'another' })
  const one = await admin.post('/api/discard', { callId: '1.1', error: 'scripted' })

  assert.deepEqual([none.body['discarded'], one.body['discarded']], [0, 1])
  assert.deepEqual(
    rows(await admin.get('/api/dead'), 'dead').map(({ callId, lane }) => [callId, lane]),
    [[null, 'default/call:1.2']],
  )
})

test('admin, given a selector that names nothing, contradicts itself or is misspelt, refuses and changes nothing', async (t) => {
  const { w, admin } = await place(t, { script: dies })
  await w.put(call, 'a')
  w.work()
  await settled(w)

  for (const selector of [{}, { all: true, callId: '1.1' }, { callId: '' }, { evntId: 'x', all: true }, [], 'all']) {
    const { status, body } = await admin.post('/api/discard', selector)
    assert.deepEqual([status, body['code']], [400, 'BRIDGE_BAD_REQUEST'], JSON.stringify(selector))
  }
  assert.equal(rows(await admin.get('/api/dead'), 'dead').length, 1)
})

test('admin, with MASK_NUMBERS, shows no number in any answer, and finds by it all the same', async (t) => {
  const { w, admin } = await place(t, { script: { a: ['dead'] } }, { MASK_NUMBERS: 'true' })
  const lane = 'default/queue:1010:09120000101'
  const { callId: _, ...event } = eventOf('Cdr', { src: '09120000101' })
  const stored = { ...event, callId: null, lane, sequence: undefined as never }
  assert.match(encode(stored), /0912/)
  await w.put(lane, 'a')
  await w.redis.zadd(w.keys.who('09120000101'), Date.now(), lane)
  w.work()
  await settled(w)
  const jobId = rows(await admin.get('/api/dead'), 'dead')[0]?.['eventId']
  await w.redis.hset(w.keys.job(String(jobId)), 'data', encode(stored))

  const found = await admin.get('/api/search?q=%DB%B0%DB%B9%DB%B1%DB%B2%DB%B0%DB%B0%DB%B0%DB%B0%DB%B1%DB%B0%DB%B1')
  const answers = [
    found,
    await admin.get('/api/dead'),
    await admin.get(`/api/lanes/${encodeURIComponent(lane)}`),
    await admin.get('/board/api/queues?activeQueue=shard%200%3A%20events&status=failed'),
  ]

  assert.deepEqual(
    rows(found, 'calls').map((one) => one['lane']),
    ['default/queue:1010:0912*****01'],
  )
  for (const { status, text } of answers) {
    assert.equal(status, 200, text)
    assert.doesNotMatch(text, /09120000101|9120000101/)
  }
  assert.match(answers[3]?.text ?? '', /0912\*{5}01/)
})

test('admin, asked for its API’s description, lists every address with what it takes', async (t) => {
  const { admin } = await place(t)

  const { body } = await admin.get('/api/openapi.json')

  assert.deepEqual(Object.keys(body['paths'] as Row).toSorted(), [
    '/api/blocked',
    '/api/calls/{callId}',
    '/api/dead',
    '/api/discard',
    '/api/errors',
    '/api/lanes/{lane}',
    '/api/overview',
    '/api/replay',
    '/api/search',
  ])
  assert.match(JSON.stringify(body), /"dryRun"/)
})

test('admin, asked for metrics, tells the state of the queues, of each shard its jobs, and no call or number', async (t) => {
  const { w, admin } = await place(t, { env: { SHARDS: '2' } })
  await w.put(call, 'a', 'b')

  const { status, text } = await admin.get('/metrics')

  assert.equal(status, 200)
  assert.match(text, /^bridge_parked_events 1$/m)
  assert.match(text, /^bridge_lanes 1$/m)
  assert.equal([...text.matchAll(/^bridge_jobs\{shard="[01]",state="waiting"\} [01]$/gm)].length, 2)
  assert.doesNotMatch(text, /1700000000/)
})

test('the board, of every shard, reads and changes nothing, and a job links to its timeline', async (t) => {
  const { w, admin } = await place(t, { env: { SHARDS: '2' }, script: dies })
  await w.put(call, 'a')
  w.work()
  await settled(w)
  const page = await admin.get('/board')
  const list = async (shard: number) =>
    await admin.get(`/board/api/queues?activeQueue=shard%20${shard}%3A%20events&status=failed`)

  const queues = rows(await list(0), 'queues')
  const jobs = [...rows(await list(0), 'queues'), ...rows(await list(1), 'queues')].flatMap(
    ({ jobs: some }) => some as Row[],
  )
  const [job] = jobs
  const of = encodeURIComponent(String(queues.find(({ counts }) => (counts as Row)['failed'] === 1)?.['name']))
  const retry = await admin.app.inject({
    method: 'PUT',
    url: `/board/api/queues/${of}/${job?.['id']}/retry`,
    headers: { host: 'localhost:3001', 'content-type': 'application/json' },
    payload: '{}',
  })

  assert.deepEqual(
    queues.map(({ name, readOnlyMode }) => [name, readOnlyMode]),
    [
      ['shard 0: events', true],
      ['shard 1: events', true],
    ],
  )
  assert.deepEqual(job?.['externalUrl'], {
    href: `/lanes/${encodeURIComponent(call)}`,
    displayText: 'Timeline',
  })
  assert.equal(retry.statusCode, 405, retry.payload)
  assert.equal(rows(await admin.get('/api/dead'), 'dead').length, 1)
  assert.match(page.text, /<script defer src="static\/js\/main/)
  assert.doesNotMatch(page.text, /https?:\/\//)
  assert.match(String(page.headers['content-security-policy']), /script-src 'self';/)
  assert.doesNotMatch(String(page.headers['content-security-policy']), /script-src[^;]*unsafe/)
})

test('admin, closed while it replays many, answers how far it came, and leaves the rest as it was', async (t) => {
  const { w, admin } = await place(t, { script: { a: ['dead'] } })
  const count = 400
  await putAll(
    w,
    Array.from({ length: count }, (_, at) => ({ lane: `default/call:${at}.1`, label: 'a' })),
  )
  const worker = w.work({ concurrency: 64 })
  await waitFor(async () => (await w.redis.zcard(w.keys.failed)) === count)
  await worker.drain(1_000)

  const asked = admin.post('/api/replay', { all: true })
  await waitFor(async () => (await w.redis.llen(w.keys.actions)) > 0)
  await admin.app.close()
  const { status, body } = await asked

  assert.equal(status, 200)
  const replayed = Number(body['replayed'])
  assert.equal((await w.redis.zcard(w.keys.failed)) + replayed, count)
  assert.equal(body['isComplete'], replayed === count)
})
