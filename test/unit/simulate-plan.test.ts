/**
 * The simulator's plan: same seed, same bytes; no two calls alike; each disturbance does what it says and nothing else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Disturbances, disturbedInAllWays, undisturbed } from '../../scripts/simulate/disturb.ts'
import { flows } from '../../scripts/simulate/flows.ts'
import { markFields, type PlanGiven, type PlannedWebhook, planCalls, planOf } from '../../scripts/simulate/plan.ts'
import { mulberry32 } from '../../scripts/simulate/random.ts'

const url = 'http://127.0.0.1:3000/simotel/'

const plan = (given: Partial<PlanGiven> & { disturbed?: Partial<Disturbances> } = {}) => {
  const { disturbed, ...rest } = given
  return [...planCalls(planOf({ url, seed: 7, ...rest, disturbances: { ...undisturbed, ...disturbed } }))]
}
const webhooks = (given: Parameters<typeof plan>[0] = {}) => plan(given).flatMap((call) => call.webhooks)
const payload = (webhook: PlannedWebhook): Record<string, unknown> => JSON.parse(webhook.request.body)
const names = (of: readonly PlannedWebhook[]) => of.map((webhook) => webhook.name)

test('mulberry32, with a seed of its reference, gives the reference numbers', () => {
  const random = mulberry32(1)

  assert.deepEqual(
    [random(), random(), random()].map((value) => Math.floor(value * 4_294_967_296)),
    [2693262067, 11749833, 2265367787],
  )
})

test('plans, with the same seed and options, have the same bytes; with another seed others', () => {
  const options = { calls: 48, transport: 'mix', mode: 'mix', disturbed: disturbedInAllWays, marks: true } as const

  assert.deepEqual(webhooks(options), webhooks(options))
  assert.notDeepEqual(
    webhooks(options).map((webhook) => webhook.request),
    webhooks({ ...options, seed: 8 }).map((webhook) => webhook.request),
  )
})

test('plans, with another base time, differ in ids and times only', () => {
  const shape = (given: Partial<PlanGiven>) => webhooks(given).map(({ name, form, t }) => ({ name, form, t }))

  assert.deepEqual(shape({ baseTime: 1_700_000_000 }), shape({ baseTime: 1_800_000_000 }))
})

test('calls of a plan, thousands of them, share no call id, and no lane at all', () => {
  const owner = new Map<string, number>()
  for (const webhook of webhooks({ calls: 3_000 })) {
    const lane = webhook.lane ?? assert.fail(`${webhook.name} has no lane`)
    assert.equal(owner.get(lane) ?? webhook.call, webhook.call, `${lane} belongs to two calls`)
    owner.set(lane, webhook.call)
  }
})

test('calls of two seeds, played into one Redis, meet in no call id', () => {
  const ids = (seed: number) => new Set(plan({ calls: 1_000, seed }).map((call) => call.callId))
  const first = ids(1)

  for (let seed = 2; seed < 30; seed += 1)
    assert.deepEqual(
      [...ids(seed)].filter((id) => first.has(id)),
      [],
    )
})

test('flows, taken in turn, come in their order; only those asked for, if some are', () => {
  assert.deepEqual(
    plan().map((call) => call.flow),
    flows.map((flow) => flow.id),
  )
  assert.deepEqual(
    plan({ flows: ['6c', '2'], calls: 5 }).map((call) => call.flow),
    ['6c', '2', '6c', '2', '6c'],
  )
  assert.throws(() => plan({ flows: ['99'] }), /no flow 99: take one of 1, 2/)
})

test('events per call, 250 of 12, give 250 lanes with ordinals 1 to 12 written into the events', () => {
  const calls = plan({ calls: 250, eventsPerCall: 12, marks: true })

  assert.equal(new Set(calls.map((call) => call.callId)).size, 250)
  for (const call of calls) {
    assert.deepEqual(
      call.webhooks.map((webhook) => [payload(webhook)[markFields.call], payload(webhook)[markFields.ordinal]]),
      Array.from({ length: 12 }, (_, index) => [call.call, index + 1]),
    )
    assert.deepEqual([...new Set(call.webhooks.map((webhook) => webhook.lane))], [`call:${call.callId}`])
  }
})

test('ordinals, after every disturbance, grow in each lane in the order sent', () => {
  const last = new Map<string, number>()
  for (const webhook of webhooks({ calls: 200, marks: true, disturbed: disturbedInAllWays })) {
    if (webhook.kind === 'component') continue
    const before = last.get(webhook.lane ?? '') ?? 0
    assert.equal(webhook.ordinal, webhook.repeated ? before : before + 1)
    last.set(webhook.lane ?? '', webhook.ordinal)
  }
})

test('repeat, at 1, delivers every webhook twice, byte for byte', () => {
  const sent = webhooks({ disturbed: { repeat: 1 } })

  assert.equal(sent.length, 2 * webhooks().length)
  for (let index = 0; index < sent.length; index += 2) {
    assert.deepEqual(sent[index]?.request, sent[index + 1]?.request)
    assert.deepEqual([sent[index]?.repeated, sent[index + 1]?.repeated], [false, true])
  }
})

test('omit, at 1, leaves exactly one event out of each call, mostly the Cdr, and never the only one', () => {
  const [whole, gappy] = [plan({ calls: 400 }), plan({ calls: 400, disturbed: { omit: 1 } })]
  const missing = whole.map((call, index) => call.webhooks.length - gappy[index]!.webhooks.length)
  const lastCdrMissing = whole.filter(
    (call, index) => names(call.webhooks).at(-1) === 'Cdr' && names(gappy[index]!.webhooks).at(-1) !== 'Cdr',
  ).length
  const endInCdr = whole.filter((call) => names(call.webhooks).at(-1) === 'Cdr').length

  assert.deepEqual([...new Set(missing)], [1])
  assert.ok(lastCdrMissing > endInCdr / 2, `${lastCdrMissing} of ${endInCdr}`)
  assert.equal(webhooks({ calls: 1, eventsPerCall: 1, disturbed: { omit: 1 } }).length, 1)
})

test('shuffle, at 1, swaps neighbours: the same events, none more than one place away, times still in order', () => {
  const [plain] = plan({ calls: 1, eventsPerCall: 12, marks: false })
  const [swapped] = plan({ calls: 1, eventsPerCall: 12, disturbed: { shuffle: 1 } })
  const before = plain!.webhooks.map((webhook) => webhook.request.body)
  const after = swapped!.webhooks.map((webhook) => webhook.request.body)

  assert.deepEqual(
    after,
    before.map((_, index) => before[index % 2 === 0 ? index + 1 : index - 1]),
  )
  assert.deepEqual(
    swapped!.webhooks.map((webhook) => webhook.t),
    plain!.webhooks.map((webhook) => webhook.t),
  )
})

test('shuffle, often enough, brings the Cdr before the last Idle and before the Survey', () => {
  const orders = plan({ flows: ['1', '5'], calls: 200, disturbed: { shuffle: 0.3 } }).map((call) =>
    names(call.webhooks),
  )

  assert.ok(orders.some((order) => order.indexOf('Cdr') < order.indexOf('Survey')))
  assert.ok(orders.some((order) => order.lastIndexOf('Cdr') < order.lastIndexOf('NewState')))
})

test('twin, at 1, adds a copy of IncomingCall without an id right behind it, in the lane of the number', () => {
  const sent = webhooks({ flows: ['1'], disturbed: { twin: 1 } })
  const [first, second] = sent

  assert.deepEqual(names(sent.slice(0, 3)), ['IncomingCall', 'IncomingCall', 'NewState'])
  const { unique_id: _, cuid: __, ...withoutId } = payload(first!)
  assert.deepEqual(payload(second!), withoutId)
  assert.equal(second?.lane, `number:${withoutId['number']}`)
})

test('component, at 1, puts one request without a name and without a lane into each call', () => {
  for (const call of plan({ mode: 'rest', disturbed: { component: 1 } })) {
    const requests = call.webhooks.filter((webhook) => webhook.kind === 'component')
    assert.equal(requests.length, 1)
    const [request] = requests
    assert.ok(
      'app_name' in payload(request!) && !('event_name' in payload(request!)) && !('event' in payload(request!)),
    )
    assert.deepEqual([request?.lane, request?.ordinal, request?.request.target], [null, 0, '/simotel/'])
  }
})

test('give-up, at 1, marks every webhook and changes none', () => {
  const sent = webhooks({ disturbed: { giveUp: 1 } })

  assert.ok(sent.every((webhook) => webhook.givesUp))
  assert.deepEqual(
    sent.map((webhook) => webhook.request),
    webhooks().map((webhook) => webhook.request),
  )
})

for (const form of ['unique_id', 'cuid', 'both'] as const) {
  test(`ids, as ${form}, name each call that way alone and keep its lane, second legs too`, () => {
    const lanes = (given: Parameters<typeof plan>[0]) => webhooks(given).map((webhook) => webhook.lane)
    const sent = webhooks({ disturbed: { ids: form } })

    assert.deepEqual(lanes({ disturbed: { ids: form } }), lanes({}))
    for (const webhook of sent.filter((each) => each.callId !== null)) {
      assert.deepEqual(
        ['unique_id' in payload(webhook), 'cuid' in payload(webhook)],
        {
          unique_id: [true, false],
          cuid: [false, true],
          both: [true, true],
        }[form],
      )
    }
  })
}

test('spelling, mixed, uses every spelling, keeps Survey under event, and keeps name and lane known', () => {
  const sent = webhooks({ calls: 160, disturbed: { spelling: 'mix' } })
  const spellings = (name: string) =>
    new Set(
      sent.filter((each) => each.name === name).map((each) => payload(each)['event_name'] ?? payload(each)['event']),
    )

  assert.deepEqual(spellings('NewState'), new Set(['NewState', 'New State', 'newstate', 'new_state']))
  assert.deepEqual(spellings('Survey'), new Set(['Survey', 'survey']))
  assert.ok(sent.filter((each) => each.name === 'Survey').every((each) => !('event_name' in payload(each))))
  assert.deepEqual(
    sent.map((webhook) => webhook.lane),
    webhooks({ calls: 160 }).map((webhook) => webhook.lane),
  )
})

test('numbers, as text, leave no number anywhere, nested ones too', () => {
  const sent = webhooks({ disturbed: { numbers: 'text' } })

  assert.ok(sent.every((webhook) => !/[:[,]-?\d/.test(webhook.request.body.replace(/"(?:[^"\\]|\\.)*"/g, '""'))))
  assert.ok(webhooks().some((webhook) => /[:[,]-?\d/.test(webhook.request.body.replace(/"(?:[^"\\]|\\.)*"/g, '""'))))
})

test('one disturbance more, with the same seed, leaves what the others and the wire do unchanged', () => {
  const few = webhooks({ transport: 'mix', disturbed: { shuffle: 0.3 } })
  const more = webhooks({ transport: 'mix', disturbed: { shuffle: 0.3, repeat: 0.5 } })

  assert.deepEqual(
    more.filter((webhook) => !webhook.repeated).map((webhook) => webhook.request),
    few.map((webhook) => webhook.request),
  )
})
