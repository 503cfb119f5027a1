/**
 * Query strings and form bodies -> fields. Percent or plus for spaces, invalid escapes left as they are, repeated keys as
 * a list, brackets (`detail[0][src]=992`) as nested fields. Total and linear.
 */
import { NumberText } from './lenient.ts'

/** Fields of a webhook by the names they came under. Read own keys only: the names are the sender's. */
export type Fields = Readonly<Record<string, unknown>>

/** Whether a value is a group of fields, from whichever parser. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)

/** A new object for names that come from the wire: without a prototype no name is special. */
export const emptyFields = (): Record<string, unknown> => Object.create(null)

/** The fields of `name=value&name=value`. All values are text, lists of text, or nested fields. */
export function parseParameters(text: string): Fields {
  const fields = emptyFields()
  for (const part of text.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const name = decodePart(at === -1 ? part : part.slice(0, at))
    put(fields, name, at === -1 ? '' : decodePart(part.slice(at + 1)))
  }
  return toLists(fields, 0) as Fields
}

/** Percent-decoded text; an escape that is none, or that is not UTF-8, stays as it is. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
      try {
        return decodeURIComponent(run)
      } catch {
        return run
      }
    })
  }
}

const decodePart = (text: string): string => percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)

/** `a[b][]`: head and keys; deeper than this is no nesting of Simotel's. */
const bracketed = /^([^[\]]+)((?:\[[^[\]]*\]){1,8})$/

function put(fields: Record<string, unknown>, name: string, value: string): void {
  const found = name.endsWith(']') ? bracketed.exec(name) : null
  const place = found === null ? undefined : placeOf(fields, found[1] ?? '', found[2] ?? '')
  if (place === undefined) add(fields, name, value)
  else add(place.fields, place.name, value)
}

type Place = { readonly fields: Record<string, unknown>; readonly name: string }

/** Where `head[key][key]` is kept, the groups on the way made; undefined if something else is there already. */
function placeOf(fields: Record<string, unknown>, head: string, brackets: string): Place | undefined {
  const path = [head, ...brackets.slice(1, -1).split('][')]
  // `a[]=1&a[]=2` is a key that repeats; counting its entries here would take a square of their number.
  if (path.at(-1) === '') path.pop()
  const last = path.pop() ?? ''
  let place = fields
  for (const step of path) {
    const key = step === '' ? '0' : step
    const next = place[key] ?? emptyFields()
    if (!isNested(next)) return undefined
    place[key] = next
    place = next
  }
  return { fields: place, name: last }
}

function add(fields: Record<string, unknown>, name: string, value: string): void {
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (Array.isArray(before)) before.push(value)
  else fields[name] = [before, value]
}

const isNested = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Nested fields whose names are all figures are a list. */
function toLists(value: unknown, depth: number): unknown {
  if (!isNested(value)) return value
  const names = Object.keys(value)
  for (const name of names) value[name] = toLists(value[name], depth + 1)
  if (depth === 0 || names.length === 0 || !names.every((name) => /^\d+$/.test(name))) return value
  return names.map((name) => value[name])
}
