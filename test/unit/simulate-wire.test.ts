/**
 * The simulator's requests: what each transport and mode puts on the wire, and that the bridge reads the same event from all.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undisturbed } from '../../scripts/simulate/disturb.ts'
import type { Payload } from '../../scripts/simulate/payload.ts'
import { type PlannedWebhook, planCalls, planOf } from '../../scripts/simulate/plan.ts'
import { pythonText, type WireForm, type WireRequest, wire } from '../../scripts/simulate/wire.ts'
import type { RawWebhook } from '../../src/event/event.ts'
import { normalise } from '../../src/event/normalise.ts'

const address = new URL('http://127.0.0.1:3000/simotel/')
const plain: WireForm = {
  transport: 'json',
  mode: 'g',
  path: 'canonical',
  nested: 'json',
  spaces: 'plus',
  letters: 'utf8',
}
const event: Payload = {
  event_name: 'CdrQueue',
  queue: 'فروش',
  comment: 'a b',
  point: 5,
  dst: '',
  gone: null,
  active: true,
  detail: [{ src: '0912', tries: 1, cause: null }],
}
const request = (form: Partial<WireForm>, at = address, name: string | null = 'CdrQueue') =>
  wire(event, name, at, { ...plain, ...form })

test('wire, as JSON, posts the payload; letters as they are or escaped, the same value', () => {
  const [utf8, escaped] = [request({}), request({ letters: 'escaped' })]

  assert.deepEqual([utf8.method, utf8.target, utf8.contentType], ['POST', '/simotel/', 'application/json'])
  assert.deepEqual(JSON.parse(utf8.body), event)
  assert.deepEqual(JSON.parse(escaped.body), event)
  assert.match(escaped.body, /^[\x20-\x7e]+$/)
})

test('wire, as a form, sends text only: nested fields as JSON, Python text or brackets, no None at the top', () => {
  const fields = (nested: WireForm['nested']) =>
    Object.fromEntries(new URLSearchParams(request({ transport: 'form', nested }).body))
  const flat = { event_name: 'CdrQueue', queue: 'فروش', comment: 'a b', point: '5', dst: '', active: 'True' }

  assert.deepEqual(fields('json'), { ...flat, detail: '[{"src":"0912","tries":1,"cause":null}]' })
  assert.deepEqual(fields('python'), { ...flat, detail: "[{'src': '0912', 'tries': 1, 'cause': None}]" })
  assert.deepEqual(fields('brackets'), {
    ...flat,
    'detail[0][src]': '0912',
    'detail[0][tries]': '1',
    'detail[0][cause]': 'None',
  })
})

test('wire, as a form or query, writes a space as plus or per cent, whichever is asked', () => {
  assert.match(request({ transport: 'form', spaces: 'plus' }).body, /comment=a\+b/)
  assert.match(request({ transport: 'get', spaces: 'percent' }).target, /comment=a%20b/)
})

test('wire, as GET, has everything in the query, behind a query the address has already', () => {
  const keyed = request({ transport: 'get' }, new URL('http://127.0.0.1/hook?api_key=1'))

  assert.deepEqual([keyed.method, keyed.contentType, keyed.body], ['GET', '', ''])
  assert.match(keyed.target, /^\/hook\?api_key=1&event_name=CdrQueue&/)
  assert.match(request({ transport: 'get' }).target, /^\/simotel\/\?event_name=/)
})

test('wire, in Rest mode, adds the name in either spelling, with one slash, and nothing for a component', () => {
  const rest = (form: Partial<WireForm>, at: string, name: string | null = 'CdrQueue') =>
    request({ mode: 'rest', ...form }, new URL(at), name).target

  assert.equal(rest({}, 'http://h/simotel/'), '/simotel/CdrQueue')
  assert.equal(rest({ path: 'lower' }, 'http://h/simotel'), '/simotel/cdrqueue')
  assert.equal(rest({}, 'http://h'), '/CdrQueue')
  assert.equal(rest({}, 'http://h/simotel/', null), '/simotel/')
})

test('pythonText, of text with quotes, is what Python prints', () => {
  assert.equal(
    pythonText(["it's", 'a"b', `both'"`, 'back\\slash\n', true, 1.5]),
    String.raw`["it's", 'a"b', 'both\'"', 'back\\slash\n', True, 1.5]`,
  )
})

/** What the ingress makes of a request. */
function rawOf(sent: WireRequest): RawWebhook {
  const [path = '', query = ''] = sent.target.split('?', 2)
  return {
    method: sent.method,
    path: path.replace('/simotel', '') || '/',
    query,
    contentType: sent.contentType,
    body: sent.body,
    bodyEncoding: 'utf8',
  }
}

const read = (webhook: PlannedWebhook) =>
  normalise(rawOf(webhook.request), {
    eventId: 'e',
    source: 'default',
    receivedAt: new Date(0),
    timeZone: 'UTC',
  })

const webhooks = (given: Parameters<typeof planOf>[0]) => [...planCalls(planOf(given))].flatMap((call) => call.webhooks)

/** 48 calls: each flow meets each of the three nested styles, both spellings of path and space. */
const base = { url: address, seed: 3, calls: 48 } as const
const everyWay = [
  ['json', 'g'],
  ['json', 'rest'],
  ['form', 'g'],
  ['form', 'rest'],
  ['get', 'g'],
  ['get', 'rest'],
] as const

for (const [transport, mode] of everyWay) {
  test(`the bridge, for every simulated webhook over ${transport} in ${mode}, reads the event that JSON to one address gives`, () => {
    const expected = webhooks({ ...base, transport: 'json', mode: 'g' })

    for (const [index, webhook] of webhooks({ ...base, transport, mode }).entries()) {
      const [result, reference] = [read(webhook), read(expected[index]!)]
      assert.ok(result.kind === 'event' && reference.kind === 'event')
      const { raw: _, ...same } = result.event
      const { raw: __, ...wanted } = reference.event
      assert.deepEqual(same, wanted, `${webhook.flow} ${webhook.request.target} ${webhook.request.body}`)
      assert.equal(result.event.name, webhook.name)
      assert.equal(result.event.callId, webhook.callId)
      assert.equal(result.event.lane, `default/${webhook.lane}`)
      assert.deepEqual(result.event.problems, [])
    }
  })
}

test('the bridge, whatever ids, spelling and figures look like, finds the same names, lanes and figures', () => {
  const documented = webhooks({ ...base })
  const other = { ...undisturbed, ids: 'mix', spelling: 'mix', numbers: 'mix' } as const

  for (const [index, webhook] of webhooks({ ...base, transport: 'mix', mode: 'mix', disturbances: other }).entries()) {
    const [result, reference] = [read(webhook), read(documented[index]!)]
    assert.ok(result.kind === 'event' && reference.kind === 'event')
    assert.equal(result.event.name, webhook.name)
    assert.equal(result.event.lane, reference.event.lane)
    assert.deepEqual(withoutIds(result.event.data), withoutIds(reference.event.data), webhook.request.body)
  }
})

function withoutIds(data: object): object {
  return Object.fromEntries(Object.entries(data).filter(([field]) => !/^(uniqueId|cuid|callId|legId)$/i.test(field)))
}

test('the bridge, given a component request over any transport, recognises it', () => {
  const disturbances = { ...undisturbed, component: 1 }
  const requests = webhooks({ ...base, transport: 'mix', mode: 'mix', disturbances }).filter(
    (webhook) => webhook.kind === 'component',
  )

  assert.equal(requests.length, 48)
  for (const webhook of requests) assert.equal(read(webhook).kind, 'component', webhook.request.target)
})
