/** Lanes, told as stories: a dead head in both policies, replay and discard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadJob, discardJob, record, replayJob, upkeep, world } from '../support/lanes.ts'
import { waitFor } from '../support/wait.ts'

const lane = 'default/call:1'
const block = { DEAD_HEAD: 'block' }

test('a dead head, under DEAD_HEAD=advance, lets its lane go on and stays as a dead letter', async (t) => {
  const w = await world(t, { script: { a: ['dead'] } })
  w.work()

  await w.put(lane, 'a', 'b', 'c')
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
  assert.deepEqual(await w.states(lane), { a: 'dead', b: 'completed', c: 'completed' })
  assert.equal(await w.redis.hlen(w.keys.blocked), 0)
})

test('a dead head, under DEAD_HEAD=block, blocks its lane alone, and the lane is listed', async (t) => {
  const w = await world(t, { env: block, script: { a: ['dead'] } })
  w.work()
  const before = Date.now()

  await w.put(lane, 'a', 'b')
  await waitFor(async () => (await w.states(lane))['a'] === 'blocked')
  await w.put('default/call:2', 'c', 'd')
  await waitFor(() => w.labelsOf('default/call:2').length === 2)

  assert.deepEqual(w.labelsOf(lane), ['a'])
  assert.deepEqual(await w.states(lane), { a: 'blocked', b: 'parked' })
  const listed = await w.redis.hgetall(w.keys.blocked)
  assert.deepEqual(Object.keys(listed), [lane])
  assert.ok(Number(listed[lane]) >= before && Number(listed[lane]) <= Date.now())
})

test('replay of a blocked head, when it succeeds, runs it in its own place before its followers', async (t) => {
  const w = await world(t, { env: block, script: { a: ['fail', 'dead', 'fail', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')

  const answer = await replayJob(w, jobId)
  await w.emptied()

  assert.deepEqual(answer, { status: 'replayed', jobId: `${jobId}~2` })
  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'a', 'a', 'b'])
  const own = w.starts.filter(({ label }) => label === 'a')
  assert.equal(new Set(own.map(({ sequence }) => sequence)).size, 1, 'its sequence stays')
  assert.deepEqual(
    own.map(({ run, attempt }) => [run, attempt]),
    [
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 2],
    ],
    'starts go on counting, attempts are fresh',
  )
  assert.deepEqual(await w.states(lane), { a: 'completed', b: 'completed' })
  assert.equal(await w.redis.hlen(w.keys.blocked), 0)
})

test('replay of a blocked head, when it dies again, blocks again, and can be replayed again', async (t) => {
  const w = await world(t, { env: block, script: { a: ['dead', 'dead', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  const first = await deadJob(w, 'a')

  await replayJob(w, first)
  const second = await waitFor(async () => {
    const [jobId] = await w.redis.zrange(w.keys.failed, '0', '-1')
    return jobId === first ? undefined : jobId
  })
  assert.deepEqual(await w.states(lane), { a: 'blocked', b: 'parked' })
  const answer = await replayJob(w, second)
  await w.emptied()

  assert.equal(second, `${first}~2`)
  assert.equal(answer.jobId, `${first}~3`)
  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'a', 'b'])
  assert.deepEqual(
    w.starts.map(({ run }) => run),
    [1, 2, 3, 1],
  )
})

test('replay under DEAD_HEAD=advance, joins the tail with a new sequence and names the old one', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'ok'], b: ['hang', 'ok'] } })
  const first = w.work()
  await w.put(lane, 'a', 'b', 'c')
  const jobId = await deadJob(w, 'a')
  await waitFor(() => w.labelsOf(lane).includes('b'))

  await replayJob(w, jobId)
  assert.deepEqual(await w.states(lane), { b: 'active', c: 'parked', a: 'parked' })
  await first.drain(0)
  w.work()
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'b', 'c', 'a'])
  const [old, again] = w.starts.filter(({ label }) => label === 'a')
  const last = w.starts.find(({ label }) => label === 'c')!
  assert.ok(again!.sequence > last.sequence)
  assert.equal(again!.replayOf, old!.sequence)
  assert.equal(old!.replayOf, undefined)
  assert.deepEqual([again!.attempt, again!.run], [1, 1])
})

test('replay into an empty lane, runs at once', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'dead', 'ok'] } })
  w.work()
  await w.put(lane, 'a')
  const jobId = await deadJob(w, 'a')

  await replayJob(w, jobId)
  await replayJob(w, await waitFor(async () => (await w.redis.zrange(w.keys.failed, '0', '-1'))[0] ?? ''))
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'a', 'a'])
  assert.deepEqual(await record(w, lane), [jobId, `${jobId}~2`, `${jobId}~3`])
  const { a } = await w.history(lane)
  assert.deepEqual(
    a!.attempts.map(({ outcome }) => outcome),
    ['dead', 'dead', 'completed'],
  )
  assert.equal(a!.state, 'completed')
})

for (const policy of ['advance', 'block']) {
  test(`discard of a dead letter under DEAD_HEAD=${policy}, removes it, and the lane goes on`, async (t) => {
    const w = await world(t, { env: { DEAD_HEAD: policy }, script: { a: ['dead'] } })
    w.work()
    await w.put(lane, 'a', 'b', 'c')
    const jobId = await deadJob(w, 'a')

    const isDiscarded = await discardJob(w, jobId)
    await w.emptied()

    assert.equal(isDiscarded, true)
    assert.deepEqual(w.labelsOf(lane), ['a', 'b', 'c'])
    assert.deepEqual(await w.states(lane), { b: 'completed', c: 'completed' })
    assert.equal(await w.redis.hlen(w.keys.blocked), 0)
    assert.equal(await discardJob(w, jobId), false, 'gone, so not again')
    assert.equal((await replayJob(w, jobId)).status, 'not-dead')
  })

  test(`two replays of one dead letter at once under DEAD_HEAD=${policy}, make one job`, async (t) => {
    const w = await world(t, { env: { DEAD_HEAD: policy }, script: { a: ['dead', 'ok'] } })
    w.work()
    await w.put(lane, 'a', 'b')
    const jobId = await deadJob(w, 'a')

    const answers = await Promise.all([1, 2, 3].map(() => replayJob(w, jobId)))
    await w.emptied()

    assert.deepEqual(answers.map(({ status }) => status).sort(), ['before', 'before', 'replayed'])
    assert.deepEqual(new Set(answers.map(({ jobId }) => jobId)), new Set([`${jobId}~2`]))
    assert.equal(w.starts.filter(({ label }) => label === 'a').length, 2)
    assert.deepEqual(await replayJob(w, jobId), { status: 'before', jobId: `${jobId}~2` }, 'and later, too')
  })
}

test('a blocked lane, once DEAD_HEAD is set back to advance, still waits for replay or discard', async (t) => {
  const w = await world(t, { env: block, script: { a: ['dead'] } })
  const first = w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')
  await first.drain(5_000)
  const lanes = { ...w.config.lanes, deadHead: 'advance' as const }

  const { advanced } = await (await upkeep(t, w, { deadHead: 'advance' })).pass()
  w.work({ lanes })
  assert.equal(advanced, 0)
  assert.deepEqual(await w.states(lane), { a: 'blocked', b: 'parked' })
  await discardJob(w, jobId)
  await w.emptied()

  assert.deepEqual(w.labelsOf(lane), ['a', 'b'])
})

test('replay and discard of one dead letter at once, do one of the two', async (t) => {
  const w = await world(t, { env: block, script: { a: ['dead', 'ok'] } })
  w.work()
  await w.put(lane, 'a', 'b')
  const jobId = await deadJob(w, 'a')

  const [replayed, discarded] = await Promise.all([replayJob(w, jobId), discardJob(w, jobId)])
  await w.emptied()

  assert.equal(replayed.status === 'replayed', !discarded)
  assert.equal(w.labelsOf(lane).filter((label) => label === 'a').length, discarded ? 1 : 2)
  assert.equal(w.labelsOf(lane).at(-1), 'b')
})

test('replay, given an event that was stored wrongly, normalises it anew from its raw webhook in its own lane', async (t) => {
  const w = await world(t, { script: { a: ['dead', 'ok'] } })
  const seen: { name: string; data: unknown; lane: string; eventId: string; receivedAt: Date }[] = []
  w.work({}, ({ name, data, lane: its, eventId, receivedAt }) =>
    seen.push({ name, data, lane: its, eventId, receivedAt }),
  )
  const body = JSON.stringify({
    event_name: 'Cdr',
    cuid: '1700000000.7',
    src: '0912',
    dst: '100',
    disposition: 'ANSWERED',
  })
  const event = w.event(lane, 'a')
  const raw = { ...event.raw, contentType: 'application/json', body }
  await w.lanes.enqueue({ ...event, raw })
  const jobId = await deadJob(w, 'a')

  await replayJob(w, jobId)
  await w.emptied()

  const [before, after] = seen
  assert.equal(before!.name, 'Unknown')
  assert.equal(after!.name, 'Cdr')
  assert.equal((after!.data as { disposition: string }).disposition, 'answered')
  assert.equal(after!.lane, lane, 'the lane stays, whatever the normaliser says now')
  assert.equal(after!.eventId, event.eventId)
  assert.deepEqual(after!.receivedAt, event.receivedAt)
  const { a } = await w.history(lane)
  assert.equal(a!.receivedAt, event.receivedAt.getTime(), 'the timeline tells when it came, not when it was replayed')
})

test('a dead letter whose stored form nobody can read, is replayed as it is and keeps its lane', async (t) => {
  const w = await world(t)
  await w.put(lane, 'a', 'b')
  const jobId = (await record(w, lane))[0]!
  const data = JSON.parse((await w.redis.hget(w.keys.job(jobId), 'data'))!)
  await w.redis.hset(w.keys.job(jobId), 'data', JSON.stringify({ ...data, receivedAt: 'never' }))
  w.work()
  await w.emptied()
  assert.deepEqual(w.labelsOf(lane), ['b'], 'it is dead without a start')

  const answer = await replayJob(w, await deadJob(w, 'a'))
  await waitFor(async () => (await w.redis.zrange(w.keys.failed, '0', '-1'))[0] === answer.jobId)

  const again = JSON.parse((await w.redis.hget(w.keys.job(answer.jobId), 'data'))!)
  assert.ok(again.sequence > data.sequence)
  assert.equal(again.replayOf, data.sequence)
  assert.deepEqual(again.raw, data.raw)
})
