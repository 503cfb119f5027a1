import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '#bridge'
import { eventOf, runProcessor } from '#bridge/testing'
import { after, type Extension } from '../lib/extension.ts'
import { localService } from '../lib/local-service.ts'
import presence from './presence.ts'

type State = NonNullable<Event<'NewState'>['data']['state']>

/** NewState of extension 553; each one made is received a second after the one before. */
const said = (state: State, callId: string | null) => eventOf('NewState', { exten: '553', state }, { callId })
const shown = (...events: readonly Event<'NewState'>[]) => events.reduce<Extension | null>(after, null)?.state

test('extension, through one call, rings, is in use and idle again', () => {
  const [ringing, inUse, idle] = [said('ringing', 'a'), said('in-use', 'a'), said('idle', 'a')]

  assert.deepEqual([shown(ringing), shown(ringing, inUse), shown(ringing, inUse, idle)], ['ringing', 'in-use', 'idle'])
})

test('extension, whose old call says idle after the new one began, stays in use', () => {
  const [old, fresh, lateIdle] = [said('in-use', 'old'), said('in-use', 'new'), said('idle', 'old')]

  assert.equal(shown(old, fresh, lateIdle), 'in-use')
})

test('extension, given the events of two calls in every order between lanes, ends the same', () => {
  const first = [said('ringing', 'a'), said('in-use', 'a'), said('idle', 'a')]
  const second = [said('ringing', 'b'), said('in-use', 'b')]

  const ends = new Set(interleavings(first, second).map((events) => shown(...events)))

  assert.deepEqual([...ends], ['in-use'])
})

test('extension, given an event twice or an older one of the same call, does not change', () => {
  const [ringing, idle] = [said('ringing', 'a'), said('idle', 'a')]
  const replayed = { ...ringing, sequence: idle.sequence + 5, replayOf: ringing.sequence }
  const ended = [ringing, idle].reduce<Extension | null>(after, null)

  assert.equal(after(ended, idle), ended)
  assert.equal(after(ended, ringing), ended)
  assert.equal(after(ended, replayed), ended)
})

test('extension, that says idle without naming a call, has no call any more that began before', () => {
  const [inUse, idle] = [said('in-use', 'lost'), said('idle', null)]

  assert.equal(shown(inUse, idle), 'idle')
  assert.equal(shown(idle, inUse), 'idle')
})

test('extension, that pauses or goes away, is shown so once its call is over', () => {
  const [inUse, pause, idle, away] = [
    said('in-use', 'a'),
    said('pause', null),
    said('idle', 'a'),
    said('unavailable', null),
  ]

  assert.equal(shown(inUse, pause), 'in-use')
  assert.equal(shown(inUse, pause, idle), 'idle')
  assert.equal(shown(inUse, away), 'unavailable')
})

test('extension, whose call never ended, forgets it when later events come', () => {
  const lost = said('in-use', 'lost')
  const nextDay = eventOf(
    'NewState',
    { state: 'ringing' },
    { callId: 'b', receivedAt: new Date('2023-11-15T12:00:00Z') },
  )

  assert.equal(shown(lost, nextDay), 'ringing')
})

/** A store with ETags that two workers share. */
async function store(t: TestContext, meddle: (kept: Map<string, string>) => void = () => {}) {
  const kept = new Map<string, string>()
  const tagOf = (text: string | undefined) =>
    text === undefined ? undefined : `"${Buffer.from(text).toString('base64').slice(-40)}"`
  const { url, asked } = await localService(t, ({ method, path, headers, body }) => {
    const text = kept.get(path)
    if (method === 'GET')
      return text === undefined ? { status: 404 } : { status: 200, headers: { etag: tagOf(text) ?? '' }, body: text }
    meddle(kept)
    const isMatch = headers['if-none-match'] === '*' ? !kept.has(path) : headers['if-match'] === tagOf(kept.get(path))
    if (!isMatch) return { status: 412 }
    kept.set(path, body)
    return { status: 204 }
  })
  process.env['PRESENCE_URL'] = url
  t.after(() => delete process.env['PRESENCE_URL'])
  return { asked, stateOf: (exten: string): string => JSON.parse(kept.get(`/api/default%3A${exten}`) ?? '{}').state }
}

test('presence, with a store, keeps the state of each extension there', async (t) => {
  const { stateOf } = await store(t)

  await runProcessor(presence, said('in-use', 'a'))
  await runProcessor(presence, eventOf('NewState', { exten: '554', state: 'ringing' }))

  assert.deepEqual([stateOf('553'), stateOf('554')], ['in-use', 'ringing'])
})

test('presence, with events of two calls run by two workers at once, loses neither', async (t) => {
  const { stateOf } = await store(t)
  const events = [said('in-use', 'old'), said('in-use', 'new'), said('idle', 'old')]

  const outcomes = await Promise.all(events.map((event) => runProcessor(presence, event)))

  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['completed', 'completed', 'completed'],
  )
  assert.equal(stateOf('553'), 'in-use')
})

test('presence, given an event it has seen, writes nothing', async (t) => {
  const { asked } = await store(t)
  const event = said('in-use', 'a')

  await runProcessor(presence, event)
  await runProcessor(presence, event, { run: 2 })

  assert.deepEqual(
    asked.map(({ method }) => method),
    ['GET', 'PUT', 'GET'],
  )
})

test('presence, with a store that always changes in between, is tried again later', async (t) => {
  let writes = 0
  await store(t, (kept) =>
    kept.set(
      '/api/default%3A553',
      JSON.stringify({ state: 'idle', calls: {}, own: null, quietSince: '', writes: writes++ }),
    ),
  )

  const outcome = await runProcessor(presence, said('in-use', 'a'))

  assert.equal(outcome.status, 'retry')
  assert.match('error' in outcome ? outcome.error : '', /other workers kept writing/)
})

test('presence, without a store, remembers by itself and logs the changes only', async () => {
  const logLines: Parameters<typeof runProcessor>[2] & object = { logLines: [] }

  await runProcessor(presence, said('ringing', 'a'), logLines)
  await runProcessor(presence, said('ringing', 'b'), logLines)
  await runProcessor(presence, said('in-use', 'a'), logLines)

  assert.deepEqual(
    logLines.logLines?.map(({ state }) => state),
    ['ringing', 'in-use'],
  )
})

test('presence, given an event without an extension, skips it', async () => {
  const outcome = await runProcessor(presence, eventOf('NewState', { exten: undefined }, { callId: 'a' }))

  assert.deepEqual(outcome, { status: 'skipped', reason: 'no extension' })
})

function interleavings<T>(one: readonly T[], other: readonly T[]): T[][] {
  const [a, ...as] = one
  const [b, ...bs] = other
  if (a === undefined) return [[...other]]
  if (b === undefined) return [[...one]]
  return [
    ...interleavings(as, other).map((rest) => [a, ...rest]),
    ...interleavings(one, bs).map((rest) => [b, ...rest]),
  ]
}
