/**
 * The stored form read quickly: every worker reads every event, and checking it by schemas takes longer than all the rest
 * of reading it. What this cannot read is left to stored-schema.ts, which also says what is wrong with it.
 */
import { type EventName, eventNames } from './catalogue.ts'
import type { Event, Problem, RawWebhook } from './event.ts'
import { isFields } from './parameters.ts'
import { type PlannedField, planOf } from './plan.ts'
import { rebuilt, storedVersion, usual, usualLane, wholeVersion } from './stored-whole.ts'

type Stored = Record<string, unknown>

/** The event of a job's data, or undefined if the schemas are to be asked. Dates in `data` are put in their place. */
export function readQuickly(stored: unknown): Event | undefined {
  if (!isFields(stored) || (stored['v'] !== storedVersion && stored['v'] !== wholeVersion)) return undefined
  const left = stored['v'] === storedVersion ? leftOut : nothingLeftOut
  const { sequence, name, eventId, source = left.source, callId = left.callId, receivedAt, data, replayOf } = stored
  const isCallKnown = left === leftOut && isText(source) && isText(callId)
  const { lane = isCallKnown ? usualLane(source, callId) : undefined } = stored
  const fields = checks().get(name)
  const problems = problemsIn(stored['problems'], left)
  const raw = rawIn(stored['raw'], left, stored)
  if (fields === undefined || problems === undefined || raw === undefined) return undefined
  if (!isWhole(sequence) || sequence < 0 || !(replayOf === undefined || isWhole(replayOf))) return undefined
  if (!isText(eventId) || eventId === '' || !isText(lane) || lane === '' || !isText(source)) return undefined
  if (!(callId === null || isText(callId)) || !isText(receivedAt)) return undefined
  const moment = new Date(receivedAt)
  if (Number.isNaN(moment.getTime()) || !isFields(data) || !reviveAndCheck(data, fields)) return undefined
  const event = { sequence, name, eventId, source, callId, lane, receivedAt: moment, data, problems, raw }
  // `data` has been checked just now, field by field.
  return (replayOf === undefined ? event : { ...event, replayOf }) as unknown as Event
}

type LeftOut = { readonly [P in keyof typeof usual]?: unknown } & { readonly callId?: null }
const leftOut: LeftOut = { ...usual, callId: null }
const nothingLeftOut: LeftOut = {}

const isText = (value: unknown): value is string => typeof value === 'string'
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)

function problemsIn(value: unknown, left: LeftOut): readonly Problem[] | undefined {
  if (value === undefined && left === leftOut) return []
  if (!Array.isArray(value)) return undefined
  const problems: Problem[] = []
  for (const item of value) {
    if (!isFields(item)) return undefined
    const { field, value: its, reason } = item
    if (!isText(field) || !isText(its) || !isText(reason)) return undefined
    problems.push({ field, value: its, reason })
  }
  return problems
}

function rawIn(value: unknown, left: LeftOut, stored: Stored): RawWebhook | undefined {
  if (!isFields(value)) return undefined
  const { method = left.method, path = left.path, query = left.query, contentType = left.contentType } = value
  const { bodyEncoding = left.bodyEncoding } = value
  const hasForm = left === leftOut && 'form' in value
  const { body = hasForm ? rebuilt(value, stored) : left.body } = value
  if (!isText(method) || !isText(path) || !isText(query) || !isText(contentType) || !isText(body)) return undefined
  if (bodyEncoding !== 'utf8' && bodyEncoding !== 'base64') return undefined
  return { method, path, query, contentType, body, bodyEncoding }
}

/** What a field's value must be; fields that are not in it may be anything. */
type Checks = ReadonlyMap<string, Check>
type Check = Pick<PlannedField, 'kind'> & { readonly words: ReadonlySet<unknown>; readonly inner: Checks }

let checksByName: ReadonlyMap<unknown, Checks> | undefined

function checks(): ReadonlyMap<unknown, Checks> {
  checksByName ??= new Map<EventName, Checks>(eventNames.map((name) => [name, checksOf(planOf(name).fields)]))
  return checksByName
}

const checksOf = (fields: readonly PlannedField[]): Checks =>
  new Map(
    fields.map(({ name, kind, values, inner }) => [
      name,
      { kind, words: new Set([...(values?.values() ?? []), 'other']), inner: checksOf(inner?.fields ?? []) },
    ]),
  )

/** Whether every value is what its field says; ISO texts where dates belong become Dates. */
function reviveAndCheck(data: Stored, fields: Checks): boolean {
  for (const name in data) {
    const field = fields.get(name)
    if (field === undefined) continue
    const value = data[name]
    if (field.kind !== 'date') {
      if (!isValid(value, field)) return false
      continue
    }
    const date = isText(value) ? new Date(value) : undefined
    if (date === undefined || Number.isNaN(date.getTime())) return false
    data[name] = date
  }
  return true
}

function isValid(value: unknown, { kind, words, inner }: Check): boolean {
  switch (kind) {
    case 'text':
      return isText(value)
    case 'number':
      return Number.isFinite(value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'one-of':
      return words.has(value)
    case 'group':
      return isFields(value) && reviveAndCheck(value, inner)
    case 'list':
      return Array.isArray(value) && value.every((item) => isFields(item) && reviveAndCheck(item, inner))
    default:
      return true
  }
}
