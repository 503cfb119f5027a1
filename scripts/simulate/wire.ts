/**
 * Event -> HTTP request, in every way Simotel is documented or inferred to send one: JSON, form or query, G or Rest,
 * nested fields over the flat two as JSON text, Python text or brackets. Pure; the same arguments give the same bytes.
 */
import type { FieldValue, Payload } from './payload.ts'
import { below, chance, pick, type Random } from './random.ts'

export const transports = ['json', 'form', 'get', 'mix'] as const
export const modes = ['g', 'rest', 'mix'] as const

/** How one webhook travels. */
export type WireForm = {
  readonly transport: 'json' | 'form' | 'get'
  /** G: one address for all. Rest: the name is added to the path. */
  readonly mode: 'g' | 'rest'
  /** Both spellings stand in the documentation: `/NewState` and `/newstate`. */
  readonly path: 'canonical' | 'lower'
  /** How `detail[]`, `description{}`, `info{}` and `tries[]` travel over form and query (unknown which is right). */
  readonly nested: 'json' | 'python' | 'brackets'
  /** A space over form and query. */
  readonly spaces: 'plus' | 'percent'
  /** Other letters in JSON: as UTF-8, or as \u escapes, the way Python writes them. */
  readonly letters: 'utf8' | 'escaped'
}

/** What goes over the wire, but for host and credentials. `contentType` is empty if there is none. */
export type WireRequest = {
  readonly method: 'GET' | 'POST'
  /** Path and query. */
  readonly target: string
  readonly contentType: string
  readonly body: string
}

/** A form for one webhook: transport and mode as asked (`mix` draws), nested styles in turn by `index`, the rest drawn. */
export function formOf(
  transport: (typeof transports)[number],
  mode: (typeof modes)[number],
  index: number,
  random: Random,
): WireForm {
  const [drawnTransport, drawnMode] = [
    pick(random, ['json', 'form', 'get'] as const),
    pick(random, ['g', 'rest'] as const),
  ]
  return {
    transport: transport === 'mix' ? drawnTransport : transport,
    mode: mode === 'mix' ? drawnMode : mode,
    path: chance(random, 0.5) ? 'canonical' : 'lower',
    nested: (['json', 'python', 'brackets'] as const)[index % 3] ?? 'json',
    spaces: chance(random, 0.5) ? 'plus' : 'percent',
    letters: below(random, 2) === 0 ? 'utf8' : 'escaped',
  }
}

/**
 * The request for `event` at `address`. `name` is added to the path in Rest mode; null for a component's request, which
 * has no name. A query of the address stays; parameters of a GET come after it (unknown how Simotel joins them).
 */
export function wire(event: Payload, name: string | null, address: URL, form: WireForm): WireRequest {
  const path = form.mode === 'rest' && name !== null ? restPath(address.pathname, name, form.path) : address.pathname
  if (form.transport === 'json') {
    return {
      method: 'POST',
      target: path + address.search,
      contentType: 'application/json',
      body: jsonText(event, form.letters),
    }
  }
  const pairs = flat(event, form.nested)
  const encoded = pairs.map(([key, value]) => `${encode(key, form.spaces)}=${encode(value, form.spaces)}`).join('&')
  if (form.transport === 'form') {
    return {
      method: 'POST',
      target: path + address.search,
      contentType: 'application/x-www-form-urlencoded',
      body: encoded,
    }
  }
  const query = address.search.length > 1 ? `${address.search}&${encoded}` : `?${encoded}`
  return { method: 'GET', target: path + query, contentType: '', body: '' }
}

function restPath(path: string, name: string, spelling: WireForm['path']): string {
  return `${path.replace(/\/+$/, '')}/${spelling === 'lower' ? name.toLowerCase() : name}`
}

function jsonText(event: Payload, letters: WireForm['letters']): string {
  const text = JSON.stringify(event)
  if (letters === 'utf8') return text
  // Per UTF-16 unit, as Python's json.dumps does by default.
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function encode(text: string, spaces: WireForm['spaces']): string {
  const encoded = encodeURIComponent(text)
  return spaces === 'plus' ? encoded.replaceAll('%20', '+') : encoded
}

/** Pairs of a flat transport. A None at the top is left out, as Python's clients do. */
function flat(event: Payload, nested: WireForm['nested']): readonly (readonly [string, string])[] {
  return Object.entries(event).flatMap(([field, value]) => {
    if (value === null) return []
    if (typeof value !== 'object') return [[field, scalarText(value)] as const]
    if (nested === 'json') return [[field, JSON.stringify(value)] as const]
    if (nested === 'python') return [[field, pythonText(value)] as const]
    return bracketed(field, value)
  })
}

function bracketed(field: string, value: FieldValue): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[field, scalarText(value)]]
  return Object.entries(value).flatMap(([key, inner]) => bracketed(`${field}[${key}]`, inner))
}

/** A value as Python's `str` writes it. */
function scalarText(value: string | number | boolean | null): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return String(value)
}

/** A value as Python's `repr` writes it. */
export function pythonText(value: FieldValue): string {
  if (typeof value === 'string') return pythonString(value)
  if (typeof value !== 'object' || value === null) return scalarText(value)
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`
  return `{${Object.entries(value)
    .map(([key, inner]) => `${pythonString(key)}: ${pythonText(inner)}`)
    .join(', ')}}`
}

function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll(quote, `\\${quote}`)
  return quote + escaped + quote
}
