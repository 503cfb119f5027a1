/**
 * The stored form checked by schemas: slow and exact. It tells what is wrong with a job's data; what is right is told faster
 * by stored-check.ts, and both must agree.
 */
import { z } from 'zod'
import { JobDecodeError } from '../errors.ts'
import { type EventName, eventNames } from './catalogue.ts'
import type { Event } from './event.ts'
import { isFields } from './parameters.ts'
import { type Plan, planOf } from './plan.ts'
import { schemas } from './schemas.ts'
import { storedVersion, versionOf, wholeOf, wholeVersion } from './stored-whole.ts'

const envelope = z.object({
  v: z.literal(wholeVersion),
  sequence: z.int().min(0),
  name: z.enum(eventNames),
  eventId: z.string().min(1),
  source: z.string(),
  callId: z.string().nullable(),
  lane: z.string().min(1),
  receivedAt: z.string(),
  data: z.custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    { error: 'not an object' },
  ),
  problems: z.array(z.object({ field: z.string(), value: z.string(), reason: z.string() })),
  raw: z.object({
    method: z.string(),
    path: z.string(),
    query: z.string(),
    contentType: z.string(),
    body: z.string(),
    bodyEncoding: z.enum(['utf8', 'base64']),
  }),
  replayOf: z.int().optional(),
})

/**
 * The event of a job's data. Fields of the envelope that this version does not know are ignored.
 * @throws JobDecodeError if it is not a stored event that this version can read; the message says why.
 */
export function readBySchemas(stored: unknown): Event {
  const parsed = envelope.safeParse(wholeOf(stored))
  if (!parsed.success) {
    const other = withEmptyBody(stored)
    if (other === undefined) throw new JobDecodeError(whyUnreadable(stored, parsed.error))
    // What else is wrong counts more.
    readBySchemas(other)
    throw new JobDecodeError(unknownBody)
  }
  const { v: _version, receivedAt, data, ...rest } = parsed.data
  const moment = new Date(receivedAt)
  if (Number.isNaN(moment.getTime())) throw new JobDecodeError(notStored('receivedAt: not a date'))
  const revived = revive(data, planOf(rest.name))
  checkData(rest.name, revived)
  // `data` has been checked by the schema of `name` just now.
  return { ...rest, receivedAt: moment, data: revived } as unknown as Event
}

/** ISO texts where the schema has dates -> Date. */
function revive(data: Readonly<Record<string, unknown>>, plan: Plan): Record<string, unknown> {
  const revived: Record<string, unknown> = { ...data }
  if (!plan.hasDates) return revived
  for (const { name, kind, inner } of plan.fields) {
    const value = revived[name]
    if (kind === 'date' && typeof value === 'string') revived[name] = new Date(value)
    else if (inner?.hasDates !== true) continue
    else if (Array.isArray(value)) revived[name] = value.map((item) => (isFields(item) ? revive(item, inner) : item))
    else if (isFields(value)) revived[name] = revive(value, inner)
  }
  return revived
}

function checkData(name: EventName, data: Record<string, unknown>): void {
  // Whatever an Unknown event has is its data.
  if (name === 'Unknown') return
  const checked = schemas[name].safeParse(data)
  if (!checked.success) throw new JobDecodeError(notStored(firstIssue(checked.error, 'data.')))
}

/** The event's name in data of a known version, if it is one that this code does not know. */
export function unknownName(stored: unknown): string | undefined {
  if (!isFields(stored) || (stored['v'] !== storedVersion && stored['v'] !== wholeVersion)) return undefined
  const { name } = stored
  return typeof name === 'string' && !eventNames.some((known) => known === name) ? name : undefined
}

function whyUnreadable(stored: unknown, error: z.ZodError): string {
  if (versionOf(stored) > storedVersion)
    return `The job was stored by a newer version of the bridge (form ${versionOf(stored)}, this one reads ${storedVersion}): run that version, then replay the event.`
  const name = unknownName(stored)
  if (name !== undefined)
    return `The job holds an event ${JSON.stringify(name.slice(0, 64))} that this version of the bridge does not know: run the version that stored it, then replay the event.`
  return notStored(firstIssue(error, ''))
}

const unknownBody =
  'The job holds the body of a webhook in a form that this version of the bridge does not know: run the version that stored it, then replay the event.'

/** The event with an empty body, if it has one that cannot be given back. */
function withEmptyBody(stored: unknown): unknown {
  const whole = wholeOf(stored)
  if (!isFields(whole) || !isFields(whole['raw']) || !('form' in whole['raw']) || 'body' in whole['raw'])
    return undefined
  return { ...whole, raw: { ...whole['raw'], body: '' } }
}

/** Whether all is well but the body, which is there and cannot be given back. */
export function lacksOnlyBody(stored: unknown): boolean {
  const other = withEmptyBody(stored)
  if (other === undefined) return false
  try {
    readBySchemas(other)
    return true
  } catch {
    return false
  }
}

function firstIssue(error: z.ZodError, prefix: string): string {
  const issue = error.issues[0]
  return `${prefix}${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}`
}

const notStored = (what: string): string =>
  `The job's data is not an event stored by the bridge (${what}): look at it on the board; if another program put it there, discard it.`
