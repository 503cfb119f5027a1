/**
 * What an event is found by besides its call: the phone numbers and extensions in its data, each in one spelling.
 */
import { eventNames, foldName } from './catalogue.ts'
import type { NewEvent } from './event.ts'
import { type PlannedField, planOf } from './plan.ts'

const maxTerms = 32
const maxTermLength = 32

const canonical = /^(?:\d{1,9}|0[1-9]\d{9})$/

/**
 * One spelling of a phone number: ASCII digits, national form. `+98912…`, `0098912…`, `98912…`, `912…` and `0912…` are one,
 * in Persian and Arabic digits too; extensions and foreign numbers (`0044…`) stay. Spaces, dashes and brackets go.
 * What holds no number comes back as it is, but trimmed.
 */
export function canonicalNumber(text: string): string {
  // Nearly all that comes: an extension, or a number in national form.
  if (canonical.test(text)) return text
  const ascii = text.trim().replace(/[\u06f0-\u06f9\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
  const compact = ascii.replace(/[\s\-()\u200c\u200e\u200f\u202a-\u202e]/g, '')
  if (!/^\+?\d+$/.test(compact)) return ascii
  const digits = compact.replace(/^\+/, '00')
  // Iran: country code 98, then ten digits that do not begin with 0; trunks and faxes also leave the 0 out.
  const national = /^(?:0098|98)?0?([1-9]\d{9})$/.exec(digits)
  return national === null ? digits : `0${national[1]}`
}

/**
 * The numbers and extensions in an event's data, canonical, without repeats: at most 32 of at most 32 characters.
 * Empty for events without any.
 */
export function searchTermsOf(event: Pick<NewEvent, 'name' | 'data'>): readonly string[] {
  const terms = new Set<string>()
  const data: Readonly<Record<string, unknown>> = event.data
  if (event.name === 'Unknown') {
    for (const name of Object.keys(data)) if (partyNames().has(foldName(name))) add(terms, data[name])
  } else collect(terms, data, planOf(event.name).fields)
  return [...terms]
}

function collect(terms: Set<string>, data: Readonly<Record<string, unknown>>, fields: readonly PlannedField[]): void {
  for (const field of fields) {
    const value = data[field.name]
    if (value === undefined) continue
    if (field.isParty === true) add(terms, value)
    else if (field.kind === 'list' && field.inner !== undefined && Array.isArray(value))
      for (const item of value.slice(0, maxTerms)) collect(terms, item, field.inner.fields)
  }
}

function add(terms: Set<string>, value: unknown): void {
  if (terms.size >= maxTerms || (typeof value !== 'string' && typeof value !== 'number')) return
  const term = canonicalNumber(String(value).slice(0, 2 * maxTermLength))
  if (term.length <= maxTermLength && /^[\d*#]*\d[\d*#]*$/.test(term)) terms.add(term)
}

let parties: ReadonlySet<string> | undefined

/** Folded names under which any event has a number or an extension: all there is to go by in an Unknown one. */
function partyNames(): ReadonlySet<string> {
  parties ??= new Set(
    eventNames.flatMap((name) =>
      planOf(name)
        .fields.filter((field) => field.isParty === true)
        .flatMap((field) => [...field.wire, field.name].map(foldName)),
    ),
  )
  return parties
}
