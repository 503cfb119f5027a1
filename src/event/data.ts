/**
 * Fields of a webhook -> `event.data`: known fields under their names and as what their schema says, unknown ones as they
 * came. A value that cannot be read is left out and listed in `problems`. Never throws.
 */
import { dateOf, dateOfEpoch } from './dates.ts'
import type { Problem } from './event.ts'
import { isTooDeep, NumberText, parseLenient } from './lenient.ts'
import { type Fields, isFields } from './parameters.ts'
import type { Plan, PlannedField } from './plan.ts'

/** One reading of one webhook. */
export type Reading = {
  readonly timeZone: string
  readonly problems: Problem[]
  /**
   * Set when a number was met whose text matters and is gone (an id that came without quotes): read again from
   * fields whose numbers are NumberText.
   */
  needsNumberText: boolean
}

/** More problems than this say nothing new. */
const maxProblems = 32
const maxProblemValue = 120

/** `problems`, bounded; `value` is described and cut, never copied whole. */
export function addProblem(problems: Problem[], field: string, value: unknown, reason: string): void {
  if (problems.length >= maxProblems) return
  problems.push({ field: field.slice(0, maxProblemValue), value: shown(value), reason })
}

function shown(value: unknown): string {
  if (value instanceof NumberText) return value.text.slice(0, maxProblemValue)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null)
    return `fields: ${Object.keys(value).slice(0, 5).join(', ')}`.slice(0, maxProblemValue)
  return String(value).slice(0, maxProblemValue)
}

/** What to do with a field that no schema knows: as it came, as text, or not at all because the event says it elsewhere. */
export type Unknowns = (fieldName: string, value: unknown) => 'keep' | 'text' | 'drop'

/** `data` of the fields of one event, or of one group in it (`path` is then that group's, for the problems). */
export function readData(
  fields: Fields,
  plan: Plan,
  reading: Reading,
  { path = '', unknown = () => 'keep' }: { readonly path?: string; readonly unknown?: Unknowns } = {},
): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  /** Of fields that came under another than their most trusted name: of hardly any. */
  const ranks: Record<string, number> = {}
  for (const wireName of Object.keys(fields)) {
    const value = fields[wireName]
    const spelling = plan.find(wireName)
    if (spelling === undefined) {
      const what = unknown(wireName, value)
      if (what === 'drop') continue
      if (isTaken(wireName)) addProblem(reading.problems, path + wireName, value, reasonTaken)
      else data[wireName] = (what === 'text' ? textOf(value, reading) : undefined) ?? asItCame(value, reading)
      continue
    }
    const { field, rank } = spelling
    const read = isAbsent(value) ? undefined : readValue(value, field, reading, path)
    if (read === undefined) continue
    const known = data[field.name]
    if (known !== undefined) {
      const isKnownKept = (ranks[field.name] ?? 0) <= rank
      const loser = isKnownKept ? read : known
      if (!isSame(loser, isKnownKept ? known : read))
        addProblem(reading.problems, path + field.name, loser, `a second value for it, as ${wireName}`)
      if (isKnownKept) continue
    }
    data[field.name] = read
    if (known !== undefined || rank > 0) ranks[field.name] = rank
  }
  return data
}

/** Empty text, None and null are how Simotel, being Python, sends nothing. */
export function isAbsent(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  if (typeof value !== 'string' || value.length > 32) return false
  const text = value.trim()
  return text === '' || text === 'None'
}

/** Text of an id or a name: from text, or from a number as it was written. Undefined for anything else. */
export function textOf(value: unknown, reading: Reading): string | undefined {
  if (typeof value === 'string') return value.trim()
  if (value instanceof NumberText) return value.text
  if (typeof value === 'number') {
    reading.needsNumberText = true
    return String(value)
  }
  if (typeof value === 'boolean') return String(value)
  return undefined
}

/** A value no schema knows, as plain JSON: a number that would lose digits stays text. */
export function asItCame(value: unknown, reading: Reading): unknown {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) reading.needsNumberText = true
    return value + 0
  }
  if (value instanceof NumberText) return numberOrText(value.text)
  if (Array.isArray(value)) return value.map((item) => asItCame(item, reading))
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) {
    if (isTaken(name)) addProblem(reading.problems, name, item, reasonTaken)
    else copy[name] = asItCame(item, reading)
  }
  return copy
}

const reasonTaken = 'a name that every object has of its own'

/** __proto__, constructor and their kin: as fields they would change what the object is to others. */
const isTaken = (name: string): boolean => name in Object.prototype

function numberOrText(text: string): number | string {
  const figure = Number(text)
  const isExact = (Number.isSafeInteger(figure) && !/^[+-]?0\d|^\+/.test(text)) || String(figure) === text
  return isExact ? figure + 0 : text
}

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b))

function readValue(value: unknown, field: PlannedField, reading: Reading, path: string): unknown {
  const problem = (reason: string): undefined =>
    addProblem(reading.problems, path + field.name, value, reason) as undefined
  if (field.kind === 'group') return readGroup(value, field, reading, path)
  if (field.kind === 'list') return readList(value, field, reading, path)
  if (field.kind === 'anything') return asItCame(value, reading)
  if (Array.isArray(value)) {
    const first = value.find((item) => !isAbsent(item))
    if (first === undefined) return undefined
    if (value.some((item) => !isSame(item, first))) problem('came more than once, the first is taken')
    return Array.isArray(first) ? problem('not a single value') : readValue(first, field, reading, path)
  }
  switch (field.kind) {
    case 'text':
      return textOf(value, reading) ?? problem('not text')
    case 'number':
      return numberOf(value) ?? problem('not a number')
    case 'date':
      return dateIn(value, reading.timeZone) ?? problem('not a date')
    case 'boolean':
      return booleanOf(value) ?? problem('not a yes or no')
    case 'one-of': {
      const text = textOf(value, reading)
      return text === undefined
        ? problem('not text')
        : (field.values?.get(text) ?? field.values?.get(foldValue(text)) ?? 'other')
    }
  }
}

const figure = /^[+-]?\d{1,15}(?:\.\d{1,15})?$/

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  const text = value instanceof NumberText ? value.text : typeof value === 'string' ? value.trim() : ''
  if (figure.test(text)) return Number(text) + 0
  if (!(value instanceof NumberText)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number + 0 : undefined
}

function dateIn(value: unknown, timeZone: string): Date | undefined {
  if (typeof value === 'string') return dateOf(value.trim(), timeZone)
  if (value instanceof NumberText) return dateOfEpoch(Number(value.text))
  return typeof value === 'number' ? dateOfEpoch(value) : undefined
}

const yesOrNo: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['true', true],
  ['1', true],
  ['no', false],
  ['false', false],
  ['0', false],
])

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value === 'object' && !(value instanceof NumberText)) return undefined
  const text = value instanceof NumberText ? value.text : String(value)
  return yesOrNo.get(text.trim().toLowerCase())
}

const foldValue = (text: string): string =>
  text
    .slice(0, 64)
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase()

function readGroup(value: unknown, field: PlannedField, reading: Reading, path: string): unknown {
  const fields = nested(value)
  if (!isFields(fields) || field.inner === undefined) {
    addProblem(reading.problems, path + field.name, value, 'not a group of fields')
    return undefined
  }
  return readData(fields, field.inner, reading, { path: `${path}${field.name}.` })
}

function readList(value: unknown, field: PlannedField, reading: Reading, path: string): unknown {
  const items = nested(value)
  const list = Array.isArray(items) ? items.map(nested) : [items]
  const read: unknown[] = []
  for (const [index, item] of list.entries()) {
    if (isFields(item) && field.inner !== undefined)
      read.push(readData(item, field.inner, reading, { path: `${path}${field.name}[${index}].` }))
    else if (!isAbsent(item))
      addProblem(reading.problems, `${path}${field.name}[${index}]`, item, 'not a group of fields')
  }
  return read.length === 0 && list.length > 0 ? undefined : read
}

/** Over a query or a form nested fields come as JSON or Python text. */
function nested(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{(]/.test(value) || isTooDeep(value)) return value
  return parseLenient(value)?.value ?? value
}
