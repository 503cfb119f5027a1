import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventOf, runProcessor } from '#bridge/testing'
import { localService } from '../lib/local-service.ts'
import missedCalls from './missed-calls.ts'

/** The list that is kept, as its service would hold it. */
async function followUps(t: TestContext) {
  const list = new Map<string, { number: string; wanted: string }>()
  const { url } = await localService(t, ({ method, path, body }) => {
    const entry = decodeURIComponent(path.split('/').at(-1) ?? '')
    if (method === 'DELETE') return { status: list.delete(entry) ? 204 : 404 }
    list.set(entry, JSON.parse(body))
    return { status: 200 }
  })
  process.env['FOLLOW_UP_URL'] = url
  t.after(() => delete process.env['FOLLOW_UP_URL'])
  return list
}

const missedInQueue = () => eventOf('CdrQueue', { disposition: 'missed', dst: undefined })

test('missed-calls, given a missed queue call whose Cdr never comes, has it in the list', async (t) => {
  const list = await followUps(t)

  await runProcessor(missedCalls, missedInQueue())

  const { number, wanted } = list.get('default:1700000000.101') ?? {}
  assert.deepEqual([number, wanted], ['09120000101', '901'])
})

test('missed-calls, given an unanswered call without a queue, has it in the list', async (t) => {
  const list = await followUps(t)

  await runProcessor(missedCalls, eventOf('Cdr', { disposition: 'no-answer', dst: '553' }))

  assert.equal(list.get('default:1700000000.101')?.wanted, '553')
})

test('missed-calls, given both events of a call in either order, and twice, has one entry', async (t) => {
  const list = await followUps(t)
  const cdr = eventOf('Cdr', { disposition: 'no-answer' })

  for (const event of [missedInQueue(), cdr, cdr, missedInQueue()]) await runProcessor(missedCalls, event)

  assert.equal(list.size, 1)
})

test('missed-calls, given a call that a second queue answers, takes it off the list', async (t) => {
  const list = await followUps(t)
  await runProcessor(missedCalls, missedInQueue())

  const outcome = await runProcessor(missedCalls, eventOf('CdrQueue', { queue: '902', disposition: 'answered' }))

  assert.deepEqual(outcome, { status: 'completed' })
  assert.equal(list.size, 0)
})

test('missed-calls, given a missed queue call whose Cdr says answered, keeps it: a menu may have picked up', async (t) => {
  const list = await followUps(t)
  await runProcessor(missedCalls, missedInQueue())

  const outcome = await runProcessor(missedCalls, eventOf('Cdr', { disposition: 'answered' }))

  assert.equal(outcome.status, 'skipped')
  assert.equal(list.size, 1)
})

test('missed-calls, given an answered call that was never missed, is completed', async (t) => {
  await followUps(t)

  assert.deepEqual(await runProcessor(missedCalls, eventOf('CdrQueue')), { status: 'completed' })
})

test('missed-calls, given a call of our own that nobody answered, or one without a number, skips it', async () => {
  const outgoing = eventOf('Cdr', { type: 'outgoing', disposition: 'no-answer' })
  const anonymous = eventOf('CdrQueue', { disposition: 'missed', src: undefined })

  assert.equal((await runProcessor(missedCalls, outgoing)).status, 'skipped')
  assert.equal((await runProcessor(missedCalls, anonymous)).status, 'skipped')
})

test('missed-calls, without an address, is completed', async () => {
  assert.deepEqual(await runProcessor(missedCalls, missedInQueue()), { status: 'completed' })
})
