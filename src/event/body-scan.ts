/**
 * Finds the form of a body: one pass over the text beside the `data` that was read from it. What is not the JSON of a simple
 * sender has none and is kept whole; whether a form is right is told by rebuilding the body, not here.
 */
import { type BodyForm, bodyOf, inAscii, type Key, type Keys, keysOf, type Repeated, wireDate } from './body-form.ts'
import { closeBrace, closeBracket, comma, JsonCursor, openBrace, openBracket, point, quote } from './json-cursor.ts'

/** Longer bodies are rare and hold what no form makes shorter. */
const maxBody = 8_192

/** The form of a body, proved by giving the body back; undefined if it has none that is shorter than itself. */
export function formOf(body: string, repeated: Repeated): BodyForm | undefined {
  if (body.charCodeAt(0) !== openBrace || body.length > maxBody) return undefined
  const scan = new Scan(body, repeated)
  const form = scan.form()
  if (form === undefined || scan.length() >= body.length) return undefined
  return bodyOf(form, repeated) === body ? form : undefined
}

class Scan extends JsonCursor {
  private readonly repeated: Repeated
  private letters = ''
  private words: string[] = []
  private zone: number | undefined

  constructor(body: string, repeated: Repeated) {
    super(body)
    this.repeated = repeated
  }

  form(): BodyForm | undefined {
    const { name, data } = this.repeated
    if (!this.object(data, keysOf(name), true) || this.at !== this.body.length) return undefined
    return { form: this.isSpaced ? ` ${this.letters}` : this.letters, words: this.words, zone: this.zone ?? 0 }
  }

  /** How long the form is as JSON, about. */
  length(): number {
    let length = this.letters.length + 20
    for (const word of this.words) length += word.length + 3
    return length
  }

  /** The letters of the object that begins here; false if it is none that a form can say. */
  private object(data: Readonly<Record<string, unknown>>, keys: Keys, isTop: boolean): boolean {
    const { body, isSpaced } = this
    const names = Object.keys(data)
    let nameAt = 0
    this.letters += '{'
    if (body.charCodeAt(++this.at) === closeBrace) return this.end('}')
    for (;;) {
      while (nameAt < names.length && data[names[nameAt] ?? ''] === undefined) nameAt++
      const name = names[nameAt] ?? ''
      const key = keys.get(name)
      const usual = isSpaced ? key?.spaced : key?.dense
      if (usual !== undefined && body.startsWith(usual, this.at)) {
        this.at += usual.length
        nameAt++
        if (!this.value(data[name], key)) return false
      } else {
        const wire = this.key()
        if (wire === undefined) return false
        if (nameAt < names.length && this.isKeyOf(wire, name, key)) {
          nameAt++
          if (!this.value(data[name], key)) return false
        } else if (!this.mark(wire, isTop)) return false
      }
      const code = body.charCodeAt(this.at)
      if (code === closeBrace) return this.end('}')
      if (code !== comma || !this.skip()) return false
    }
  }

  private end(letter: string): true {
    this.letters += letter
    this.at++
    return true
  }

  /** Whether `wire` is a name of this field; says which, unless it is the first. */
  private isKeyOf(wire: string, name: string, key: Key | undefined): boolean {
    if (wire === name) this.letters += '.'
    else if (key?.spellings.includes(wire) === true) {
      this.letters += 'k'
      this.words.push(wire)
    } else return false
    return true
  }

  /** A field that is not the next of `data`: what the event says elsewhere, what was empty, what came out of turn. */
  private mark(wire: string, isTop: boolean): boolean {
    const token = this.token()
    if (token === undefined) return false
    const { name, callId } = this.repeated
    if (isTop && wire === 'event_name' && token === `"${name}"`) this.letters += 'n'
    else if (isTop && wire === 'event' && token === `"${name}"`) this.letters += 'v'
    else if (isTop && wire === 'cuid' && token === `"${callId}"`) this.letters += 'c'
    else if (token === '""') {
      this.letters += 'o'
      this.words.push(wire)
    } else {
      this.letters += 'x'
      this.words.push(wire, token)
    }
    return true
  }

  private value(value: unknown, key: Key | undefined): boolean {
    const isText = typeof value === 'string' && this.body.charCodeAt(this.at) === quote
    if (isText && key?.kind === 'date' ? this.isDate(value) : this.isPlain(value)) return true
    if (key !== undefined && typeof value === 'object' && this.nested(value, key)) return true
    const token = this.token()
    if (token === undefined) return false
    const letter = this.letterOf(token, value, key)
    if (letter === undefined) this.words.push(token)
    this.letters += letter ?? 'l'
    return true
  }

  /** Whether the value stands there as it is in `data`: most do, and to compare is faster than to cut out. */
  private isPlain(value: unknown): boolean {
    const { body } = this
    const from = this.at
    const isText = body.charCodeAt(from) === quote
    if (isText ? typeof value !== 'string' : typeof value !== 'number') return false
    const text = String(value)
    const end = from + text.length + (isText ? 1 : 0)
    const code = body.charCodeAt(end)
    if (isText ? code !== quote : code !== comma && code !== closeBrace) return false
    if (!body.startsWith(text, isText ? from + 1 : from)) return false
    this.letters += isText ? 't' : 'r'
    this.at = isText ? end + 1 : end
    return true
  }

  /** A group or a list of groups; takes everything back if it is not written as one. */
  private nested(value: unknown, { inner }: Key): boolean {
    const { at, letters, words } = this
    this.words = [...words]
    const code = this.body.charCodeAt(at)
    const isDone = Array.isArray(value)
      ? code === openBracket && this.list(value, inner)
      : code === openBrace && this.object(value as Record<string, unknown>, inner, false)
    if (!isDone) {
      this.at = at
      this.letters = letters
      this.words = words
    }
    return isDone
  }

  private list(values: readonly unknown[], keys: Keys): boolean {
    this.letters += '['
    this.at++
    for (const [index, value] of values.entries()) {
      if (index > 0 && (this.body.charCodeAt(this.at) !== comma || !this.skip())) return false
      if (this.body.charCodeAt(this.at) !== openBrace) return false
      if (!this.object(value as Record<string, unknown>, keys, false)) return false
    }
    return this.body.charCodeAt(this.at) === closeBracket && this.end(']')
  }

  private letterOf(token: string, value: unknown, key: Key | undefined): string | undefined {
    if (typeof value !== 'string') {
      const plain = typeof value === 'object' ? JSON.stringify(value) : String(value)
      if (token === plain) return 'r'
      if (typeof value === 'boolean') return booleanLetters.get(token)
      return typeof value === 'number' && token === `"${plain}"` ? 't' : undefined
    }
    if (token.charCodeAt(0) !== quote) {
      if (token === value) return 'r'
      return key?.kind === 'date' && Number(token) * 1000 === Date.parse(value) ? 'e' : undefined
    }
    if (key?.kind === 'one-of') {
      const word = key.words.get(value)
      return token === word?.capitals ? 'C' : token === word?.pascal ? 'P' : undefined
    }
    if (!token.includes('\\')) return undefined
    const json = JSON.stringify(value)
    return token === json ? 's' : token === inAscii(json) ? 'u' : undefined
  }

  /** `"2023-11-14 22:13:31.123456"`, with six digits of a fraction or none. */
  private isDate(iso: string): boolean {
    const { body } = this
    const from = this.at + 1
    this.zone ??= zoneOf(body.slice(from, from + 19), iso)
    if (!body.startsWith(wireDate(iso, this.zone), from)) return false
    if (body.charCodeAt(from + 19) === quote) {
      this.letters += 'd'
      this.at = from + 20
      return true
    }
    const figures = body.slice(from + 23, from + 26)
    // The letters stand in JSON as they are: nothing of the sender's gets among them but figures.
    if (body.charCodeAt(from + 19) !== point || body.charCodeAt(from + 26) !== quote || !/^\d{3}$/.test(figures))
      return false
    this.letters += `m${figures}`
    this.at = from + 27
    return true
  }
}

/** How many minutes the date of a body is ahead of the moment it stands for; 0 if it is no date. */
function zoneOf(date: string, iso: string): number {
  if (date === wireDate(iso, 0)) return 0
  return Math.round((Date.parse(`${date.replace(' ', 'T')}Z`) - Date.parse(iso)) / 60_000) || 0
}

const booleanLetters: ReadonlyMap<string, string> = new Map([
  ['"yes"', 'y'],
  ['"no"', 'y'],
  ['"true"', 't'],
  ['"false"', 't'],
  ['"True"', 'Y'],
  ['"False"', 'Y'],
])
