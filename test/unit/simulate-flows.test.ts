/**
 * The simulator's flows, against call-flows.md: given the documented facts they give the documented payloads.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { documentedFacts, type Facts, factsOf } from '../../scripts/simulate/facts.ts'
import { flowOf, flows } from '../../scripts/simulate/flows.ts'
import { exactly } from '../../scripts/simulate/flows-other.ts'
import { callIdOf, laneOf, nameOf, type Step } from '../../scripts/simulate/payload.ts'

type Line = Step & { readonly flow: string }

const documented = readFileSync(new URL('../fixtures/call-flows.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): Line => JSON.parse(line))

/** Epoch, sequence and number of each documented flow; the names are the same in all. */
const facts: Readonly<Record<string, Facts>> = Object.fromEntries(
  (
    [
      ['1', 1700000000, 101, '09120000101'],
      ['2', 1700001000, 120, '09120000102'],
      ['3', 1700002000, 140, '09120000103'],
      ['4', 1610778618, 378, ''],
      ['5', 1700004000, 30, '09120000105'],
      ['6', 1700005000, 51, '09120000106'],
      ['6b', 1700005100, 44, '09120000106'],
      ['6c', 1700005200, 47, '09120000106'],
      ['7', 1700006000, 70, '09120000107'],
      ['7b', 1700006300, 1, '09120000107'],
      ['8', 1700007000, 161, '09120000108'],
    ] as const
  ).map(([id, epoch, sequence, number]) => [
    id,
    factsOf({ ...documentedFacts, epoch, sequence, number, micros: id === '6b' ? '694172' : '120345' }),
  ]),
)

const idsOf = (steps: readonly Step[]) => [...new Set(steps.map((step) => callIdOf(step.event)))]
const namesOf = (steps: readonly Step[]) => steps.map((step) => nameOf(step.event))

for (const [id, known] of Object.entries(facts)) {
  test(`flow ${id}, given the documented ids, numbers and time, gives the documented payloads to the byte`, () => {
    const expected = documented.filter((line) => line.flow === id).map(({ t, event }) => ({ t, event }))

    const steps = flowOf(id).steps(known)

    assert.ok(expected.length > 0)
    assert.deepEqual(
      steps.map((step) => JSON.stringify(step)),
      expected.map((step) => JSON.stringify(step)),
    )
  })
}

test('flows, all sixteen, cover the eleven of the document and the variants it names in words', () => {
  assert.deepEqual(flows.map((flow) => flow.id).sort(), [
    ...['1', '1-did', '2', '2b', '3', '3-busy', '3-failed', '3-no-answer', '4', '5', '6', '6b', '6c', '7', '7b', '8'],
  ])
})

test('flow 1-did, unlike 1, names the dialled number in the Cdr and nowhere the agent but in InUse', () => {
  const [plain, variant] = [flowOf('1').steps(facts['1']!), flowOf('1-did').steps(facts['1']!)]

  assert.deepEqual(variant.slice(0, -1), plain.slice(0, -1))
  assert.deepEqual(variant.at(-1)?.event, { ...plain.at(-1)?.event, dst: '982191000492', did: '982191000492' })
})

test('flow 2b, unlike 2, has no Cdr', () => {
  assert.deepEqual(flowOf('2b').steps(facts['2']!), flowOf('2').steps(facts['2']!).slice(0, -1))
  assert.ok(!namesOf(flowOf('2b').steps(facts['2']!)).includes('Cdr'))
})

for (const [id, disposition] of [
  ['3-no-answer', 'NO ANSWER'],
  ['3-busy', 'BUSY'],
  ['3-failed', 'FAILED'],
] as const) {
  test(`flow ${id}, unlike 3, has a Cdr of ${disposition} without billsec and record`, () => {
    const [plain, variant] = [flowOf('3').steps(facts['3']!), flowOf(id).steps(facts['3']!)]
    const cdr = variant.at(-1)!.event

    assert.deepEqual(variant.slice(0, -1), plain.slice(0, -1))
    assert.equal(cdr['disposition'], disposition)
    assert.equal(cdr['dst'], id === '3-failed' ? 'failed' : '09120000103')
    assert.ok(!('billsec' in cdr) && !('record' in cdr))
  })
}

test('flows, each of them, stay in time order and within one call id', () => {
  for (const flow of flows) {
    const steps = flow.steps(facts['1']!)

    assert.deepEqual(
      steps.map((step) => step.t),
      steps.map((step) => step.t).sort((one, other) => one - other),
      flow.id,
    )
    assert.deepEqual(
      idsOf(steps).filter((id) => id !== null && id !== '1700000000.101'),
      [],
      flow.id,
    )
  }
})

test('lanes of flow 8, which is outside calls, are the ones of the catalogue', () => {
  assert.deepEqual(
    [
      ...new Set(
        flowOf('8')
          .steps(facts['8']!)
          .map((step) => laneOf(step.event)),
      ),
    ],
    [
      'trunk:SimotelTrunk',
      'exten:77777',
      'exten:553',
      'call:1700007000.161',
      'campaign:6553fe48a6c708b761215200:09120000108',
      'queue:1010:09120000109',
    ],
  )
})

test('a second leg, flow 5, stays in the lane of its call', () => {
  const [, second] = flowOf('5')
    .steps(facts['5']!)
    .filter((step) => nameOf(step.event) === 'Cdr')

  assert.equal(second?.event['unique_id'], '1700004000.31')
  assert.equal(laneOf(second!.event), 'call:1700004000.30')
})

test('calls of exactly so many events, whatever the number, are one lane with an IncomingCall first and a Cdr last', () => {
  for (const events of [1, 2, 12, 100]) {
    const steps = exactly(facts['1']!, events)

    assert.equal(steps.length, events)
    assert.deepEqual(idsOf(steps), ['1700000000.101'])
    assert.equal(namesOf(steps).at(-1), 'Cdr')
    if (events > 1) assert.equal(namesOf(steps)[0], 'IncomingCall')
  }
})
