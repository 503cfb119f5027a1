/**
 * The test helpers of processors: fixtures that do not fit fail loudly, attempts are real ones.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventNames } from '../../src/event/catalogue.ts'
import { defineProcessor, type Event, RetryLaterError } from '../../src/index.ts'
import { eventOf, type LogLine, runProcessor } from '../../src/testing.ts'

for (const name of eventNames) {
  test(`eventOf, of ${name}, makes an event that a processor gets as it is`, async () => {
    const event: Event = eventOf(name)
    let got: Event | undefined
    const any = defineProcessor('*', (one) => {
      got = one
    })

    const outcome = await runProcessor(any, event)

    assert.deepEqual(outcome, { status: 'completed' })
    assert.deepEqual({ ...got, replayOf: undefined }, { ...event, replayOf: undefined })
  })
}

test('eventOf, given changes, puts them over the sample, and takes away what is undefined', () => {
  const { data } = eventOf('Cdr', { disposition: 'no-answer', record: undefined })

  assert.equal(data.disposition, 'no-answer')
  assert.equal(data.src, '09120000101')
  assert.ok(!('record' in data))
})

test('eventOf, given a call id or none, has the lane that follows', () => {
  assert.equal(eventOf('Cdr', {}, { callId: '1700000000.30' }).lane, 'default/call:1700000000.30')
  assert.equal(eventOf('NewState', { exten: '991' }, { callId: null, source: 'tehran' }).lane, 'tehran/exten:991')
})

test('eventOf, called twice, makes the later event later', () => {
  const [first, second] = [eventOf('Ping'), eventOf('Ping')]

  assert.ok(second.sequence > first.sequence && second.receivedAt > first.receivedAt)
  assert.notEqual(second.eventId, first.eventId)
})

test('eventOf, given fields that no schema knows, keeps them as unknownFields', () => {
  const event = eventOf('Cdr', {}, { unknownFields: { flavour: 'vanilla' } })

  assert.equal((event.data as Record<string, unknown>)['flavour'], 'vanilla')
})

test('eventOf, given what does not fit, does not compile and throws', () => {
  // @ts-expect-error a misspelt event name
  assert.throws(() => eventOf('Crd'), /there is no event named 'Crd'/)
  // @ts-expect-error a misspelt field
  assert.throws(() => eventOf('Cdr', { dispositon: 'busy' }), /no field dispositon, did you mean disposition\?/)
  // @ts-expect-error a misspelt field in a list
  const inList = () => eventOf('CdrQueue', { detail: [{ dist: '5' }] })
  assert.throws(inList, /no field detail\.dist, did you mean detail\.dst\?/)
  // @ts-expect-error a value of Simotel's instead of ours
  assert.throws(() => eventOf('Cdr', { disposition: 'ANSWERED' }), /the field disposition does not fit/)
  // @ts-expect-error a text for a number
  assert.throws(() => eventOf('Cdr', { billedSeconds: '47' }), /the field billedSeconds does not fit/)
})

test('runProcessor, given an event of another name, does not compile and throws', async () => {
  const cdr = defineProcessor('Cdr', () => {})

  // @ts-expect-error a worker would never bring them together
  await assert.rejects(runProcessor(cdr, eventOf('Ping')), /is for Cdr, the event is a Ping/)
})

test('runProcessor, given what defineProcessor did not make, says so', async () => {
  await assert.rejects(runProcessor((() => {}) as never, eventOf('Ping')), /give it what defineProcessor made/)
})

test('runProcessor, of a processor that fails, gives the outcome of that attempt', async () => {
  const fails = defineProcessor('Cdr', { attempts: 3 }, () => {
    throw new Error('no')
  })

  assert.deepEqual(await runProcessor(fails, eventOf('Cdr')), { status: 'retry', delayMs: 1_000, error: 'no' })
  assert.deepEqual(await runProcessor(fails, eventOf('Cdr'), { attempt: 3 }), { status: 'dead', error: 'no' })
})

test('runProcessor, of a processor that never ends, is over at the timeout given', async () => {
  const hangs = defineProcessor('Cdr', () => new Promise(() => {}))

  const outcome = await runProcessor(hangs, eventOf('Cdr'), { timeoutMs: 5 })

  assert.equal(outcome.status, 'retry')
})

test('runProcessor, of an event put off since long, is dead by the settings’ own limit of a day', async () => {
  const busy = defineProcessor('Cdr', () => {
    throw new RetryLaterError('busy', { delayMs: 5 })
  })
  const day = 86_400_000

  const before = await runProcessor(busy, eventOf('Cdr'), { putOffSince: 1, now: () => day })
  const after = await runProcessor(busy, eventOf('Cdr'), { putOffSince: 1, now: () => day + 1 })

  assert.deepEqual([before.status, after.status], ['later', 'dead'])
})

test('runProcessor, given a place for log lines, fills it with what the processor logs', async () => {
  const logLines: LogLine[] = []
  const logs = defineProcessor('Cdr', (_, ctx) => ctx.log.debug({ seconds: 5 }, 'saved'))

  await runProcessor(logs, eventOf('Cdr'), { logLines, attempt: 2 })

  const { level, msg, seconds, attempt, event, callId } = logLines[0] ?? { level: '', msg: '' }
  assert.deepEqual([level, msg, seconds, attempt, event, callId], ['debug', 'saved', 5, 2, 'Cdr', '1700000000.101'])
})

test('runProcessor, whose signal aborts, gives what a drain would', async () => {
  const hangs = defineProcessor('Cdr', () => new Promise(() => {}))

  const outcome = await runProcessor(hangs, eventOf('Cdr'), { signal: AbortSignal.timeout(5) })

  assert.equal(outcome.status === 'later' && outcome.cause, 'shutdown')
})
