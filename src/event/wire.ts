/**
 * RawWebhook -> the fields it carries, whatever wire form it has: query, form, JSON, JSON under another label, Python dict
 * text, a wrapper. The first characters of a body tell its form, not its content type, which is often wrong or absent.
 * Total and linear; knows nothing of single events.
 */
import { canonicalName, foldName } from './catalogue.ts'
import type { RawWebhook } from './event.ts'
import { isTooDeep, maxDepth, parseLenient } from './lenient.ts'
import { emptyFields, type Fields, isFields, parseParameters, percentDecode } from './parameters.ts'

export type Wire = {
  readonly fields: Fields
  /** Why a body that is there gave no fields; undefined if it gave some or is empty. */
  readonly unreadable: string | undefined
}

type Body = { readonly fields: Fields } | { readonly unreadable: string } | undefined

/**
 * The fields of a webhook. With `exact` the numbers of a body are NumberText: the slower way, for bodies in which an id or
 * a phone number came without quotes.
 */
export function readWire(raw: RawWebhook, exact: boolean): Wire {
  const body = raw.bodyEncoding === 'utf8' ? readBody(raw, exact) : { unreadable: 'not UTF-8 text' }
  if (body === undefined || 'unreadable' in body)
    return { fields: unwrap(readQuery(raw.query)), unreadable: body?.unreadable }
  const fields = unwrap(body.fields)
  if (raw.query === '') return { fields, unreadable: undefined }
  // A query beside a body belongs to the address, unless it names an event: then both carry it and the body wins.
  const query = unwrap(readQuery(raw.query))
  const isShared = Object.keys(fields).length === 0 || namesEvent(query)
  return { fields: isShared ? merge(query, fields) : fields, unreadable: undefined }
}

/** What the address says of the event's name: the last segment of the path, or what was appended to the address's query. */
export function nameInAddress(raw: RawWebhook): string {
  const segments = raw.path.split('/')
  const last = segments.findLast((segment) => segment !== '')
  if (last !== undefined) return percentDecode(last)
  // An address that has a query already, in Rest: `?key=1/NewState`. How Simotel joins them is not known.
  const inQuery = /\/([^/&?=]{1,64})\/?$/.exec(raw.query.split('?', 1)[0] ?? '')
  return inQuery === null ? '' : percentDecode(inQuery[1] ?? '')
}

/** An address with a query of its own may have got a second question mark: `?key=1?event_name=Cdr`. */
function readQuery(query: string): Fields {
  if (query === '') return emptyFields()
  return parseParameters(query.replace(/\?(?=[A-Za-z_]{1,64}=)/g, '&'))
}

function readBody(raw: RawWebhook, exact: boolean): Body {
  const text = raw.body.trim()
  if (text === '') return undefined
  const first = text.charCodeAt(0)
  if (first === openBrace || first === openBracket) return readStructure(text, exact)
  if (first === doubleQuote) return readQuoted(text)
  const isForm = /^application\/x-www-form-urlencoded/i.test(raw.contentType)
  if (text.startsWith('%7B') || text.startsWith('%7b')) {
    const inner = readStructure(percentDecode(text.replaceAll('+', ' ')).replace(/=$/, ''), true)
    if (inner !== undefined && 'fields' in inner) return inner
  }
  if (isForm || /^[A-Za-z_][\w.[\]%+-]{0,127}=/.test(text)) return { fields: parseParameters(text) }
  return { unreadable: 'neither JSON nor a form' }
}

const openBrace = 0x7b
const openBracket = 0x5b
const doubleQuote = 0x22

function readStructure(text: string, exact: boolean): Body {
  if (isTooDeep(text)) return { unreadable: `nested deeper than ${maxDepth} levels` }
  const value = exact ? parseLenient(text)?.value : parse(text)
  if (value === undefined) return { unreadable: 'neither JSON nor Python text' }
  return isFields(value) ? { fields: value } : { unreadable: 'not an object' }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return parseLenient(text)?.value
  }
}

/** JSON that was made JSON twice. */
function readQuoted(text: string): Body {
  const inner = parseLenient(text)?.value
  const trimmed = typeof inner === 'string' ? inner.trim() : ''
  return trimmed.startsWith('{') ? readStructure(trimmed, true) : { unreadable: 'neither JSON nor a form' }
}

/** Its length comes first, because every field is asked. */
const isWrapperKey = (name: string): boolean =>
  (name.length === 7 || name.length === 8) && /^api[-_ ]?data$/i.test(name)

/** One client library wraps everything in a field `api_data`. */
function unwrap(fields: Fields): Fields {
  const key = Object.keys(fields).find(isWrapperKey)
  if (key === undefined) return fields
  const wrapped = fields[key]
  const text = typeof wrapped === 'string' ? wrapped.trim() : undefined
  const inner = text === undefined ? wrapped : isTooDeep(text) ? undefined : parseLenient(text)?.value
  if (!isFields(inner)) return fields
  const outer = emptyFields()
  for (const name of Object.keys(fields)) if (name !== key) outer[name] = fields[name]
  return merge(outer, inner)
}

function merge(below: Fields, above: Fields): Fields {
  const merged = emptyFields()
  for (const fields of [below, above]) for (const name of Object.keys(fields)) merged[name] = fields[name]
  return merged
}

/** Folded names of the fields that hold an event's name. */
const nameKeys: ReadonlySet<string> = new Set(['eventname', 'event'])

function namesEvent(fields: Fields): boolean {
  return Object.keys(fields).some((key) => {
    const value = /event/i.test(key) && nameKeys.has(foldName(key)) ? fields[key] : undefined
    return typeof value === 'string' && canonicalName(value) !== undefined
  })
}
