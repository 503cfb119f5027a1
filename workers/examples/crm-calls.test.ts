import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventOf, type LogLine, runProcessor } from '#bridge/testing'
import { type Answer, localService } from '../lib/local-service.ts'
import crmCalls from './crm-calls.ts'

async function crm(t: TestContext, answer: Answer) {
  const service = await localService(t, () => answer)
  process.env['CRM_URL'] = service.url
  t.after(() => delete process.env['CRM_URL'])
  return service
}

test('crm-calls, given a call, puts it under its event id, the same way each time it runs', async (t) => {
  const { asked } = await crm(t, { status: 201 })
  const event = eventOf('Cdr', { src: '09120000101', billedSeconds: 47 })

  const first = await runProcessor(crmCalls, event)
  const again = await runProcessor(crmCalls, event, { run: 2 })

  assert.deepEqual([first, again], [{ status: 'completed' }, { status: 'completed' }])
  assert.deepEqual(
    asked.map(({ method, path, headers }) => [method, path, headers['idempotency-key']]),
    [
      ['PUT', `/api/calls/${event.eventId}`, event.eventId],
      ['PUT', `/api/calls/${event.eventId}`, event.eventId],
    ],
  )
  const { from, seconds, callId, sequence, run } = JSON.parse(asked[1]?.body ?? '')
  assert.deepEqual([from, seconds, callId, sequence, run], ['09120000101', 47, event.callId, event.sequence, 2])
})

test('crm-calls, given a token, sends it', async (t) => {
  const { asked } = await crm(t, { status: 200 })
  process.env['CRM_TOKEN'] = 'secret'
  t.after(() => delete process.env['CRM_TOKEN'])

  await runProcessor(crmCalls, eventOf('Cdr'))

  assert.equal(asked[0]?.headers.authorization, 'Bearer secret')
})

test('crm-calls, without an address, logs what it would send, the numbers shortened, and is completed', async () => {
  const logLines: LogLine[] = []

  const outcome = await runProcessor(crmCalls, eventOf('Cdr', { src: '09120000101', dst: '553' }), { logLines })

  assert.deepEqual(outcome, { status: 'completed' })
  const { msg, call } = logLines[0] as unknown as { msg: string; call: { from: string; to: string } }
  assert.match(msg, /would save the call/)
  assert.deepEqual([call.from, call.to], ['0912…01', '553'])
})

const answers: readonly (readonly [string, Answer, Record<string, unknown>])[] = [
  ['429 with a time', { status: 429, headers: { 'retry-after': '7' } }, { status: 'later', delayMs: 7_000 }],
  ['429 without one', { status: 429 }, { status: 'later', delayMs: 30_000 }],
  ['503 with a time', { status: 503, headers: { 'retry-after': '5' } }, { status: 'later', delayMs: 5_000 }],
  ['422', { status: 422 }, { status: 'dead' }],
  ['401, which somebody can put right', { status: 401 }, { status: 'retry', delayMs: 1_000 }],
  ['500', { status: 500 }, { status: 'retry', delayMs: 1_000 }],
]

for (const [what, answer, expected] of answers) {
  test(`crm-calls, given a CRM that answers ${what}, is ${expected['status']}`, async (t) => {
    await crm(t, answer)

    const outcome = await runProcessor(crmCalls, eventOf('Cdr'))

    assert.deepEqual({ ...outcome, ...expected }, outcome)
    assert.match('error' in outcome ? outcome.error : '', new RegExp(`answered ${answer.status}`))
  })
}

test('crm-calls, given a CRM that is away, is tried again', async (t) => {
  await crm(t, { status: 200 })
  process.env['CRM_URL'] = 'http://127.0.0.1:1/'

  const outcome = await runProcessor(crmCalls, eventOf('Cdr'))

  assert.equal(outcome.status, 'retry')
})
