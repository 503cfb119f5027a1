/**
 * The stored form with everything in its place that was left out when it was written: the event as those see it who look at
 * jobs without running them. Reads every version that there has been.
 */
import { bodyOf } from './body-form.ts'
import type { EventName } from './catalogue.ts'
import type { RawWebhook } from './event.ts'
import { isoOf } from './iso.ts'
import { isFields } from './parameters.ts'
import type { Plan } from './plan.ts'

/** Version of the stored form that this code writes. The first one left nothing out. */
export const storedVersion = 2

/** The version of a form in which nothing is left out. */
export const wholeVersion = 1

/** What is left out where it is so. */
export const usual: RawWebhook & { readonly source: string } = {
  source: 'default',
  method: 'POST',
  path: '/',
  query: '',
  contentType: 'application/json',
  body: '',
  bodyEncoding: 'utf8',
}

/** The lane of what names a call, unless the call's id needed care (`laneOf`); undefined without a call. */
export const usualLane = (source: string, callId: string | null): string | undefined =>
  callId === null ? undefined : `${source}/call:${callId}`

/** `data` with its dates as text, as it is stored. */
export function dated(data: Readonly<Record<string, unknown>>, plan: Plan): Readonly<Record<string, unknown>> {
  if (!plan.hasDates) return data
  const copy: Record<string, unknown> = { ...data }
  for (const { name, kind, inner } of plan.fields) {
    if (kind !== 'date' && inner?.hasDates !== true) continue
    const value = copy[name]
    if (value instanceof Date) copy[name] = isoOf(value)
    else if (inner === undefined) continue
    else if (Array.isArray(value)) copy[name] = value.map((item) => (isFields(item) ? dated(item, inner) : item))
    else if (isFields(value)) copy[name] = dated(value, inner)
  }
  return copy
}

/** The version a job's data says it is of; 0 if it says none. */
export const versionOf = (stored: unknown): number =>
  isFields(stored) && typeof stored['v'] === 'number' ? stored['v'] : 0

/**
 * The stored event with nothing left out, as version 1 had it; what is of another version, or no stored event, comes back as it
 * is. Checks nothing. A body that cannot be given back stays away.
 */
export function wholeOf<T>(stored: T): T | Stored {
  if (!isFields(stored) || stored['v'] !== storedVersion) return stored
  const { v: _, source = usual.source, callId = null, problems = [], raw, ...rest } = stored
  const lane = typeof source === 'string' && typeof callId === 'string' ? usualLane(source, callId) : undefined
  return {
    v: wholeVersion,
    source,
    callId,
    ...(lane === undefined ? {} : { lane }),
    ...rest,
    problems,
    raw: isFields(raw) ? wholeRaw(raw, stored) : raw,
  }
}

function wholeRaw(raw: Stored, stored: Stored): Stored {
  const { source: _, body: usualBody, ...others } = usual
  if (!('form' in raw)) return { ...others, body: usualBody, ...raw }
  const body = rebuilt(raw, stored)
  if (body === undefined) return { ...others, ...raw }
  const { form: __, words: ___, zone: ____, ...rest } = raw
  return { ...others, body, ...rest }
}

/** The body of `raw`, which has a form; undefined if it cannot be given back. */
export function rebuilt(
  { form, words = [], zone = 0 }: Stored,
  { name, callId = null, data }: Stored,
): string | undefined {
  if (typeof form !== 'string' || typeof zone !== 'number' || !isTexts(words) || !isFields(data)) return undefined
  if (callId !== null && typeof callId !== 'string') return undefined
  return bodyOf({ form, words, zone }, { name: name as EventName, callId, data })
}

type Stored = Readonly<Record<string, unknown>>

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
