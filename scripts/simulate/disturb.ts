/**
 * What can go wrong between a PBX and the bridge, done to one call's webhooks on purpose: docs say little about order,
 * integrations saw repeats, gaps and other spellings. Pure and seeded; knows nothing of HTTP or time.
 */
import type { Facts } from './facts.ts'
import { type FieldValue, nameOf, type Payload, type Step } from './payload.ts'
import { below, chance, pick, type Random } from './random.ts'

export const idForms = ['documented', 'unique_id', 'cuid', 'both', 'mix'] as const
export const forms = ['documented', 'mix'] as const
export const numberForms = ['documented', 'text', 'mix'] as const

/** Probabilities are 0 to 1. All 0 and all `documented` leaves a flow as call-flows.md has it. */
export type Disturbances = {
  /** Per webhook: delivered twice, byte for byte. */
  readonly repeat: number
  /** Per call: one event left out, in three of four cases the Cdr (its last one). A call of one event keeps it. */
  readonly omit: number
  /** Per pair of neighbours in a call: swapped. An event moves by one place at most. */
  readonly shuffle: number
  /** Per IncomingCall: a second copy without an id follows it (seen in Mirka). */
  readonly twin: number
  /** Per call: a dialplan component's request on the same address. */
  readonly component: number
  /** Per webhook: the client closes the connection without waiting for the answer. */
  readonly giveUp: number
  /** Which of `unique_id` and `cuid` name the call; `mix` draws one of the three per call. */
  readonly ids: (typeof idForms)[number]
  /** `mix` draws a spelling of the name per webhook: `NewState`, `New State`, `newstate`, `new_state`. */
  readonly spelling: (typeof forms)[number]
  /** `text` sends every number as a string, `mix` draws per webhook. */
  readonly numbers: (typeof numberForms)[number]
}

export const undisturbed: Disturbances = {
  repeat: 0,
  omit: 0,
  shuffle: 0,
  twin: 0,
  component: 0,
  giveUp: 0,
  ids: 'documented',
  spelling: 'documented',
  numbers: 'documented',
}

/** Some of everything: what `--disturb` means, and a base for more. */
export const disturbedInAllWays: Disturbances = {
  repeat: 0.1,
  omit: 0.2,
  shuffle: 0.1,
  twin: 0.5,
  component: 0.1,
  giveUp: 0.05,
  ids: 'mix',
  spelling: 'mix',
  numbers: 'mix',
}

export type DisturbedStep = Step & {
  /** Canonical name, whatever the payload spells; `component` for a component's request. */
  readonly name: string
  /** As the flow has it: nothing but ids changed. Says which lane is right. */
  readonly plain: Payload
  /** How often the same bytes are delivered: 1 or 2. */
  readonly deliveries: number
  readonly givesUp: boolean
}

/** One call's steps after `disturbances`. Each kind draws from a stream of its own, `randomOf(kind)`. Times keep growing. */
export function disturb(
  steps: readonly Step[],
  disturbances: Disturbances,
  facts: Facts,
  randomOf: (purpose: string) => Random,
): readonly DisturbedStep[] {
  const complete = withIds(steps, disturbances.ids, randomOf('ids'))
  const kept = omitted(complete, disturbances.omit, randomOf('omit'))
  const twinned = withTwins(kept, disturbances.twin, randomOf('twin'))
  const named = twinned.map((step) => ({ ...step, name: nameOf(step.event) }))
  const visited = withComponent(named, disturbances.component, facts, randomOf('component'))
  const swapped = shuffled(visited, disturbances.shuffle, randomOf('shuffle'))
  const spelling = randomOf('spelling')
  const numbers = randomOf('numbers')
  const repeat = randomOf('repeat')
  const giveUp = randomOf('give up')
  return swapped.map((step) => {
    const spelt = disturbances.spelling === 'mix' ? respelt(step.event, spelling) : step.event
    const asText = disturbances.numbers === 'text' || (disturbances.numbers === 'mix' && chance(numbers, 0.5))
    return {
      ...step,
      plain: step.event,
      event: asText ? numbersAsText(spelt) : spelt,
      deliveries: chance(repeat, disturbances.repeat) ? 2 : 1,
      givesUp: chance(giveUp, disturbances.giveUp),
    }
  })
}

/** `unique_id` alone is the older shape, where it names the call even on a second leg (inferred). */
function withIds(steps: readonly Step[], wanted: Disturbances['ids'], random: Random): readonly Step[] {
  const form = wanted === 'mix' ? pick(random, ['unique_id', 'cuid', 'both'] as const) : wanted
  if (form === 'documented') return steps
  return steps.map((step) => {
    const callId = step.event['cuid'] ?? step.event['unique_id']
    if (callId === undefined) return step
    const { cuid: _, unique_id: leg, ...rest } = step.event
    if (form === 'unique_id') return { ...step, event: { ...rest, unique_id: callId } }
    if (form === 'cuid') return { ...step, event: { ...rest, cuid: callId } }
    return { ...step, event: { ...rest, unique_id: leg ?? callId, cuid: callId } }
  })
}

function omitted(steps: readonly Step[], probability: number, random: Random): readonly Step[] {
  if (!chance(random, probability) || steps.length < 2) return steps
  const lastCdr = steps.findLastIndex((step) => nameOf(step.event) === 'Cdr')
  const gone = lastCdr !== -1 && chance(random, 0.75) ? lastCdr : below(random, steps.length)
  return steps.filter((_, index) => index !== gone)
}

function withTwins(steps: readonly Step[], probability: number, random: Random): readonly Step[] {
  return steps.flatMap((step) => {
    if (nameOf(step.event) !== 'IncomingCall' || !chance(random, probability)) return [step]
    const { unique_id: _, cuid: __, ...withoutId } = step.event
    return [step, { ...step, event: withoutId }]
  })
}

type NamedStep = Step & { readonly name: string }

function withComponent(
  steps: readonly NamedStep[],
  probability: number,
  facts: Facts,
  random: Random,
): readonly NamedStep[] {
  if (!chance(random, probability)) return steps
  const at = below(random, steps.length + 1)
  const t = steps[at]?.t ?? steps.at(-1)?.t ?? 0
  const request = {
    src: facts.number,
    dst: '31041000',
    data: '',
    unique_id: pick(random, [facts.callId, '']),
    app_name: pick(random, ['Extension API', 's1', 'صف پشتیبانی']),
  }
  return steps.toSpliced(at, 0, { t, event: request, name: 'component' })
}

/** Events change places, the moments at which something is sent stay. */
function shuffled(steps: readonly NamedStep[], probability: number, random: Random): readonly NamedStep[] {
  const result = [...steps]
  for (let index = 0; index + 1 < result.length; index += 1) {
    const [first, second] = [result[index], result[index + 1]]
    if (!first || !second || !chance(random, probability)) continue
    result[index] = { ...second, t: first.t }
    result[index + 1] = { ...first, t: second.t }
    index += 1 // neither moves again
  }
  return result
}

function respelt(event: Payload, random: Random): Payload {
  const spelling = below(random, 4)
  const spell = (value: FieldValue | undefined) => (typeof value === 'string' ? spelled(value, spelling) : value)
  const respelled: Record<string, FieldValue> = { ...event }
  for (const field of ['event_name', 'event']) {
    const value = spell(event[field])
    if (value !== undefined) respelled[field] = value
  }
  return respelled
}

function spelled(name: string, spelling: number): string {
  const words = name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
  return [name, words, name.toLowerCase(), words.replaceAll(' ', '_').toLowerCase()][spelling] ?? name
}

function numbersAsText(event: Payload): Payload {
  return Object.fromEntries(Object.entries(event).map(([field, value]) => [field, asText(value)]))
}

function asText(value: FieldValue): FieldValue {
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value)) return value.map(asText)
  if (typeof value === 'object' && value !== null) return numbersAsText(value as Payload)
  return value
}
