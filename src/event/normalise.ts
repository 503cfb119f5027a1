/**
 * RawWebhook -> event. Total: never throws, whatever the bytes; what it cannot name becomes Unknown, with everything in `raw`.
 */
import { canonicalName, type EventName } from './catalogue.ts'
import { addProblem, isAbsent, type Reading, readData, textOf } from './data.ts'
import type { NewEvent, RawWebhook } from './event.ts'
import { isComponent, type Marks, markOf, marksOf, nameOf } from './identify.ts'
import { laneOf } from './lane.ts'
import type { Fields } from './parameters.ts'
import { planOf } from './plan.ts'
import { nameInAddress, readWire } from './wire.ts'

/** What is known of a webhook besides its content. */
export type Origin = {
  readonly eventId: string
  readonly source: string
  readonly receivedAt: Date
  /** IANA zone of dates that carry none. */
  readonly timeZone: string
}

/** A dialplan component's request for an answer: not an event, to be refused. */
export type ComponentRequest = { readonly kind: 'component'; readonly appName: string; readonly callId: string | null }

export type Normalised = { readonly kind: 'event'; readonly event: NewEvent } | ComponentRequest

/**
 * The event in a webhook, or the component request it is. Values that cannot be read are undefined and in `problems`.
 * The same webhook and origin give the same event, at any time.
 */
export function normalise(raw: RawWebhook, origin: Origin): Normalised {
  try {
    const { normalised, needsNumberText } = read(raw, origin, false)
    return needsNumberText ? read(raw, origin, true).normalised : normalised
  } catch (error) {
    // A fault of ours must not lose an event: kept as Unknown it can be replayed once the fault is mended.
    const reading = newReading(origin)
    addProblem(reading.problems, 'body', raw.body, `could not be read: ${error instanceof Error ? error.message : ''}`)
    return { kind: 'event', event: eventOf(raw, origin, 'Unknown', {}, null, reading) }
  }
}

type Read = { readonly normalised: Normalised; readonly needsNumberText: boolean }

function read(raw: RawWebhook, origin: Origin, exact: boolean): Read {
  const reading = newReading(origin)
  const { fields, unreadable } = readWire(raw, exact)
  if (unreadable !== undefined) addProblem(reading.problems, 'body', raw.body, unreadable)
  const marks = marksOf(fields)
  const callId = callIdOf(marks, reading)
  const normalised: Normalised = isComponent(marks)
    ? { kind: 'component', appName: textOf(marks.appName, reading) ?? '', callId }
    : {
        kind: 'event',
        event: eventOf(
          raw,
          origin,
          nameOf(marks, () => nameInAddress(raw)),
          fields,
          callId,
          reading,
        ),
      }
  return { normalised, needsNumberText: reading.needsNumberText }
}

const newReading = (origin: Origin): Reading => ({ timeZone: origin.timeZone, problems: [], needsNumberText: false })

function eventOf(
  raw: RawWebhook,
  { eventId, source, receivedAt }: Origin,
  name: EventName,
  fields: Fields,
  callId: string | null,
  reading: Reading,
): NewEvent {
  const data = dataOf(name, fields, reading)
  const lane = laneOf({ name, eventId, source, callId, data })
  // `data` was read by the plan of `name`, which is made from the schema its type is inferred from.
  return { name, eventId, source, callId, lane, receivedAt, data, problems: reading.problems, raw } as NewEvent
}

/** `cuid`, which all legs of a call share, before `unique_id`, which may be that of one leg. */
function callIdOf({ cuid, uniqueId }: Marks, reading: Reading): string | null {
  if (!isAbsent(cuid)) {
    const id = textOf(cuid, reading)
    if (id !== undefined) return id
    addProblem(reading.problems, 'cuid', cuid, 'not text')
  }
  return (isAbsent(uniqueId) ? undefined : textOf(uniqueId, reading)) ?? null
}

function dataOf(name: EventName, fields: Fields, reading: Reading): Record<string, unknown> {
  return readData(fields, planOf(name), reading, {
    unknown: (fieldName, value) => {
      const mark = markOf(fieldName)
      if (mark === undefined) return 'keep'
      if (mark === 'uniqueId') return 'text'
      // An Unknown event says in its data what it was called and which call it named.
      if (mark === 'cuid') return name === 'Unknown' ? 'text' : 'drop'
      return (mark === 'eventName' || mark === 'event') && isNameOf(name, value) ? 'drop' : 'keep'
    },
  })
}

/** Whether a field says no more than what `event.name` says already. */
const isNameOf = (name: EventName, value: unknown): boolean =>
  (Array.isArray(value) ? value : [value]).every(
    (item) => isAbsent(item) || (typeof item === 'string' && canonicalName(item) === name),
  )
