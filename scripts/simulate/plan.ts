/**
 * Seed and options -> calls, each a list of requests ready to send. Pure and lazy: the same plan gives the same bytes, call
 * by call, however fast or mixed they are sent later.
 */
import { type Disturbances, type DisturbedStep, disturb, undisturbed } from './disturb.ts'
import { defaultGapSeconds, freshFacts } from './facts.ts'
import { flowOf, flows } from './flows.ts'
import { exactly } from './flows-other.ts'
import { callIdOf, laneOf, type Payload, type Step } from './payload.ts'
import { below, randomFor } from './random.ts'
import { formOf, type modes, type transports, type WireForm, type WireRequest, wire } from './wire.ts'

export type Plan = {
  /** The address entered in Simotel's settings: http or https, a path, perhaps a query. */
  readonly url: URL
  readonly calls: number
  readonly transport: (typeof transports)[number]
  readonly mode: (typeof modes)[number]
  readonly disturbances: Disturbances
  /** 0 to 2^32 - 1. */
  readonly seed: number
  /** Epoch seconds in the first call's id. */
  readonly baseTime: number
  /** Seconds of call time between the starts of two calls. */
  readonly gapSeconds: number
  /** Ids of flows, taken in turn; empty for all. @see flows */
  readonly flows: readonly string[]
  /** Above 0: calls of exactly that many events, one lane each, instead of flows. */
  readonly eventsPerCall: number
  /** Adds `sim_call` and `sim_ordinal` (place in its lane, from 1, in the order sent) to each event. */
  readonly marks: boolean
}

/** Address and seed, and what differs from the defaults. */
export type PlanGiven = Partial<Omit<Plan, 'url'>> & { readonly url: string | URL; readonly seed: number }

/** The fields that `marks` adds. */
export const markFields = { call: 'sim_call', ordinal: 'sim_ordinal' } as const

export type PlannedWebhook = {
  /** Number of its call, from 1. */
  readonly call: number
  readonly flow: string
  /** Canonical event name; `component` for a dialplan component's request. */
  readonly name: string
  readonly kind: 'event' | 'component'
  readonly callId: string | null
  /** Without the source: `call:1700000000.101`. Null for a component's request. */
  readonly lane: string | null
  /** Place in its lane within this call, from 1; the same for a repeated delivery; 0 without a lane. */
  readonly ordinal: number
  /** This is the second delivery of the same bytes. */
  readonly repeated: boolean
  readonly givesUp: boolean
  /** Seconds after the start of its call. */
  readonly t: number
  readonly form: WireForm
  readonly request: WireRequest
}

export type PlannedCall = {
  readonly call: number
  readonly flow: string
  readonly callId: string
  /** Seconds of call time after the start of the run. */
  readonly startsAt: number
  /** At least one; in the order to send. */
  readonly webhooks: readonly PlannedWebhook[]
}

/** A plan from what differs from: one call of each flow, JSON to one address, nothing disturbed. */
export function planOf(given: PlanGiven): Plan {
  const defaults = {
    transport: 'json',
    mode: 'g',
    disturbances: undisturbed,
    baseTime: baseTimeOf(given.seed),
    gapSeconds: defaultGapSeconds,
    flows: [],
    eventsPerCall: 0,
    marks: false,
  } as const
  const calls = given.calls ?? (given.flows?.length || flows.length)
  return { ...defaults, ...given, calls, url: new URL(given.url) }
}

/** A moment in 2025 that follows from the seed, so that runs of different seeds do not meet in the same calls. */
export function baseTimeOf(seed: number): number {
  return 1_735_689_600 + below(randomFor(seed, 0, 'base time'), 365 * 86_400)
}

/** The calls of a plan, one after the other, made when asked for. @throws RangeError for a flow that does not exist. */
export function* planCalls(plan: Plan): Generator<PlannedCall, void, undefined> {
  for (let call = 1; call <= plan.calls; call += 1) yield planCall(plan, call)
}

/** Call number `call` (from 1) of a plan; depends on no other call. */
export function planCall(plan: Plan, call: number): PlannedCall {
  const randomOf = (purpose: string) => randomFor(plan.seed, call, purpose)
  const facts = freshFacts(call, plan.baseTime, plan.gapSeconds, randomFor(plan.seed, 0, 'facts'), randomOf('facts'))
  const { id, steps } = stepsOf(plan, call)
  const ordinals = new Map<string, number>()
  const shape = randomOf('wire')
  const webhooks = disturb(steps(facts), plan.disturbances, facts, randomOf).flatMap((step, index) => {
    const place = placeOf(step, ordinals)
    const form = formOf(plan.transport, plan.mode, call + index, shape)
    const isComponent = step.name === 'component'
    const marked = plan.marks && !isComponent ? withMarks(step.event, call, place.ordinal) : step.event
    const request = wire(marked, isComponent ? null : step.name, plan.url, form)
    return Array.from({ length: step.deliveries }, (_, delivery) => ({
      call,
      flow: id,
      name: step.name,
      kind: isComponent ? ('component' as const) : ('event' as const),
      callId: callIdOf(step.plain),
      ...place,
      repeated: delivery > 0,
      givesUp: step.givesUp,
      t: step.t,
      form,
      request,
    }))
  })
  return { call, flow: id, callId: facts.callId, startsAt: (call - 1) * plan.gapSeconds, webhooks }
}

type Facts = Parameters<typeof exactly>[0]

function stepsOf(plan: Plan, call: number): { id: string; steps: (facts: Facts) => readonly Step[] } {
  if (plan.eventsPerCall > 0) {
    return { id: `${plan.eventsPerCall} events`, steps: (facts) => exactly(facts, plan.eventsPerCall) }
  }
  const ids = plan.flows.length > 0 ? plan.flows : flows.map((flow) => flow.id)
  return flowOf(ids[(call - 1) % ids.length] ?? '')
}

function placeOf(step: DisturbedStep, ordinals: Map<string, number>): { lane: string | null; ordinal: number } {
  const lane = step.name === 'component' ? null : laneOf(step.plain)
  if (lane === null) return { lane, ordinal: 0 }
  const ordinal = (ordinals.get(lane) ?? 0) + 1
  ordinals.set(lane, ordinal)
  return { lane, ordinal }
}

function withMarks(event: Payload, call: number, ordinal: number): Payload {
  return { ...event, [markFields.call]: call, [markFields.ordinal]: ordinal }
}
