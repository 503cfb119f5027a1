/**
 * The body of a webhook as what `data` does not say of it: which fields came, in which order, written how. docs/events.md
 * describes the form for other readers. Here: its words, and the body it stands for. body-scan.ts finds the form of a body.
 */
import { type EventName, eventNames } from './catalogue.ts'
import { isoOf } from './iso.ts'
import { isFields } from './parameters.ts'
import { type PlannedField, planOf } from './plan.ts'

/** A body's form; `data` and these give the body back, byte for byte. */
export type BodyForm = {
  /** One letter a field, in the order of the wire. */
  readonly form: string
  /** What the letters need besides, in their order. */
  readonly words: readonly string[]
  /** How many minutes the dates of the body are ahead of UTC. */
  readonly zone: number
}

/** What a body repeats, as it is stored: dates are text. */
export type Repeated = {
  readonly name: EventName
  readonly callId: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** How a field is called on the wire. */
export type Key = {
  /** Its first spelling, which needs no word, with its colon; and with a space behind that. */
  readonly dense: string
  readonly spaced: string
  readonly kind: PlannedField['kind']
  readonly spellings: readonly string[]
  /** Of a closed set: each word as it may be written. */
  readonly words: ReadonlyMap<unknown, Word>
  readonly inner: Keys
}

/** `no-answer`: `"NO ANSWER"`, `"NoAnswer"` */
export type Word = { readonly capitals: string; readonly pascal: string }

/** Keys by the names in `data`. */
export type Keys = ReadonlyMap<string, Key>

let keysByName: ReadonlyMap<EventName, Keys> | undefined

/** The keys of an event's fields. */
export function keysOf(name: EventName): Keys {
  keysByName ??= new Map(eventNames.map((one) => [one, keysIn(planOf(one).fields)]))
  return keysByName.get(name) ?? noKeys
}

const noKeys: Keys = new Map()

const keysIn = (fields: readonly PlannedField[]): Keys =>
  new Map(
    fields.map(({ name, kind, wire: spellings, values, inner }) => {
      const dense = `"${spellings[0] ?? name}":`
      const words = new Map([...(values?.values() ?? [])].map((word) => [word, wordOf(word)]))
      return [name, { dense, spaced: `${dense} `, kind, spellings, words, inner: keysIn(inner?.fields ?? []) }]
    }),
  )

/** A date of `data` as it is written on the wire, without fraction: `2023-11-14 22:13:31`. Nonsense of what is no date. */
export function wireDate(iso: string, zone: number): string {
  const local = zone === 0 ? iso : (isoOf(new Date(Date.parse(iso) + zone * 60_000)) ?? '')
  return `${local.slice(0, 10)} ${local.slice(11, 19)}`
}

const wordOf = (word: string): Word => ({
  capitals: `"${word.toUpperCase().replaceAll('-', ' ')}"`,
  pascal: `"${word.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())}"`,
})

/** JSON text in ASCII alone, as Python writes it. */
export const inAscii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The body of a form, or undefined if this version does not know how to give it back. */
export function bodyOf(form: BodyForm, repeated: Repeated): string | undefined {
  try {
    return new Writer(form, repeated).body()
  } catch (error) {
    // A RangeError: data nested beyond all measure, which nothing of ours has written.
    if (error === unknownForm || error instanceof RangeError) return undefined
    throw error
  }
}

const unknownForm = Symbol('unknown form')
const fail = (): never => {
  throw unknownForm
}

class Writer {
  private readonly form: string
  private readonly words: readonly string[]
  private readonly zone: number
  private readonly repeated: Repeated
  private readonly isSpaced: boolean
  private readonly comma: string
  private readonly colon: string
  private at = 0
  private wordAt = 0

  constructor({ form, words, zone }: BodyForm, repeated: Repeated) {
    this.form = form
    this.words = words
    this.zone = zone
    this.repeated = repeated
    this.isSpaced = form.startsWith(' ')
    if (this.isSpaced) this.at = 1
    this.comma = this.isSpaced ? ', ' : ','
    this.colon = this.isSpaced ? '": ' : '":'
  }

  body(): string {
    const { name, data } = this.repeated
    if (this.next() !== '{') fail()
    const body = this.object(data, keysOf(name))
    return this.at === this.form.length ? body : fail()
  }

  private object(data: Readonly<Record<string, unknown>>, keys: Keys): string {
    const names = Object.keys(data)
    let nameAt = 0
    let text = '{'
    for (let letter = this.next(); letter !== '}'; letter = this.next()) {
      if (text.length > 1) text += this.comma
      const mark = this.mark(letter)
      if (mark !== undefined) {
        text += mark
        continue
      }
      // What is undefined is not stored.
      while (nameAt < names.length && data[names[nameAt] ?? ''] === undefined) nameAt++
      const name = names[nameAt++] ?? fail()
      const key = keys.get(name)
      if (letter === '.' || letter === 'k') {
        text += `"${letter === '.' ? name : this.word()}${this.colon}`
        letter = this.next()
      } else if (key === undefined) fail()
      else text += this.isSpaced ? key.spaced : key.dense
      text += this.value(letter, data[name], key)
    }
    return `${text}}`
  }

  /** A field that is not one of `data`; undefined if the letter is none of these. */
  private mark(letter: string): string | undefined {
    switch (letter) {
      case 'n':
        return `"event_name${this.colon}"${this.repeated.name}"`
      case 'v':
        return `"event${this.colon}"${this.repeated.name}"`
      case 'c':
        return `"cuid${this.colon}"${this.repeated.callId}"`
      case 'o':
        return `"${this.word()}${this.colon}""`
      case 'x':
        return `"${this.word()}${this.colon}${this.word()}`
      default:
        return undefined
    }
  }

  private value(letter: string, value: unknown, key: Key | undefined): string {
    switch (letter) {
      case 't':
        return `"${value}"`
      case 'r':
        return typeof value === 'object' ? JSON.stringify(value) : String(value)
      case 's':
        return JSON.stringify(value)
      case 'u':
        return inAscii(JSON.stringify(value))
      case 'C':
        return key?.words.get(value)?.capitals ?? fail()
      case 'P':
        return key?.words.get(value)?.pascal ?? fail()
      case 'y':
        return value === true ? '"yes"' : '"no"'
      case 'Y':
        return value === true ? '"True"' : '"False"'
      case 'e':
        return String(Date.parse(String(value)) / 1000)
      case 'd':
        return `"${wireDate(String(value), this.zone)}"`
      case 'm':
        return `"${wireDate(String(value), this.zone)}.${String(value).slice(20, 23)}${this.figures(3)}"`
      case 'l':
        return this.word()
      case '{':
        return this.object(isFields(value) ? value : fail(), key?.inner ?? noKeys)
      case '[':
        return this.list(Array.isArray(value) ? value : fail(), key?.inner ?? noKeys)
      default:
        return fail()
    }
  }

  private list(values: readonly unknown[], keys: Keys): string {
    const items = values.map((value) => (isFields(value) && this.next() === '{' ? this.object(value, keys) : fail()))
    return this.next() === ']' ? `[${items.join(this.comma)}]` : fail()
  }

  private next(): string {
    return this.form[this.at++] ?? fail()
  }

  private figures(count: number): string {
    const figures = this.form.slice(this.at, this.at + count)
    this.at += count
    return figures
  }

  private word(): string {
    return this.words[this.wordAt++] ?? fail()
  }
}
