/**
 * Which event the fields of a webhook are, and which call they name: body first, then the address, then the shape.
 */
import { canonicalName, type EventName, eventNames, foldName } from './catalogue.ts'
import { isAbsent } from './data.ts'
import type { Fields } from './parameters.ts'
import { planOf } from './plan.ts'

/** The fields that are not data of one event but say what it is. */
export type Marks = {
  readonly eventName: unknown
  readonly event: unknown
  readonly appName: unknown
  readonly cuid: unknown
  readonly uniqueId: unknown
  readonly campaignId: unknown
  readonly tries: unknown
}

type Mark = keyof Marks

const markByFolded: ReadonlyMap<string, Mark> = new Map<string, Mark>([
  ['eventname', 'eventName'],
  ['event', 'event'],
  ['appname', 'appName'],
  ['cuid', 'cuid'],
  ['uniqueid', 'uniqueId'],
  ['campaignid', 'campaignId'],
  ['tries', 'tries'],
  ['try', 'tries'],
])

/** Which mark a field is, in any spelling of its name; undefined for ordinary fields. */
export function markOf(fieldName: string): Mark | undefined {
  const known = knownSpellings().get(fieldName)
  if (known !== undefined) return known === 'ordinary' ? undefined : known
  return fieldName.length > 32 ? undefined : markByFolded.get(foldName(fieldName))
}

/** The marks among `fields`; of two spellings of one mark the first that holds something. */
export function marksOf(fields: Fields): Marks {
  const marks: { [M in Mark]: unknown } = {
    eventName: undefined,
    event: undefined,
    appName: undefined,
    cuid: undefined,
    uniqueId: undefined,
    campaignId: undefined,
    tries: undefined,
  }
  for (const fieldName of Object.keys(fields)) {
    const mark = markOf(fieldName)
    if (mark === undefined || !isAbsent(marks[mark])) continue
    const value = fields[fieldName]
    marks[mark] = mark === 'tries' ? value : single(value)
  }
  return marks
}

/** A dialplan component asks for an answer: it says who it is (`app_name`) and never what happened. */
export function isComponent(marks: Marks): boolean {
  return marks.appName !== undefined && nameText(marks.eventName) === undefined && nameText(marks.event) === undefined
}

/**
 * The event's name. A name in the fields wins over the address; one that nobody knows makes it Unknown, not what the
 * address says. `address` is asked only when the fields hold no name.
 */
export function nameOf(marks: Marks, address: () => string): EventName {
  const named = [nameText(marks.eventName), nameText(marks.event)].filter((text) => text !== undefined)
  for (const text of named) {
    const name = canonicalName(text)
    if (name !== undefined) return name
  }
  if (named.length > 0) return 'Unknown'
  // The one event whose sample has no name at all, by its shape (a judgement).
  return canonicalName(address()) ?? (isDialerReport(marks) ? 'AutoDialerReport' : 'Unknown')
}

const isDialerReport = (marks: Marks): boolean => !isAbsent(marks.campaignId) && marks.tries !== undefined

const nameText = (value: unknown): string | undefined =>
  typeof value === 'string' && !isAbsent(value) ? value : undefined

const single = (value: unknown): unknown => (Array.isArray(value) ? value.find((item) => !isAbsent(item)) : value)

const markSpellings: readonly (readonly [string, Mark])[] = [
  ['event_name', 'eventName'],
  ['event', 'event'],
  ['app_name', 'appName'],
  ['cuid', 'cuid'],
  ['unique_id', 'uniqueId'],
  ['campaign_id', 'campaignId'],
  ['tries', 'tries'],
  ['try', 'tries'],
]

let known: ReadonlyMap<string, Mark | 'ordinary'> | undefined

/** Marks and data fields as they are mostly spelled: told by one look, since every field of every webhook comes by here. */
function knownSpellings(): ReadonlyMap<string, Mark | 'ordinary'> {
  known ??= new Map([
    ...eventNames.flatMap((name) =>
      planOf(name).fields.flatMap(({ wire }) => wire.map((spelling) => [spelling, 'ordinary'] as const)),
    ),
    ...markSpellings,
  ])
  return known
}
