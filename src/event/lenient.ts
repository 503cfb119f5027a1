/**
 * A parser for what looks like JSON and is not: Python dict text (single quotes, None, tuples), numbers with leading
 * zeros, trailing commas, raw tabs in strings. It takes all of JSON too, and keeps every number as its text, because
 * 1613906376.30 and 09331112233 are ids and phone numbers. One pass, bounded depth, never throws.
 */

/** Deepest nesting of lists and objects that is read; what goes deeper is kept raw. */
export const maxDepth = 32

/** A number of the source, as it was written. */
export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The value in `text`, or undefined if it cannot be read to its very end. */
export function parseLenient(text: string): { readonly value: unknown } | undefined {
  const reader = new Reader(text)
  try {
    const value = reader.value(0)
    return reader.isAtEnd() ? { value } : undefined
  } catch (error) {
    if (error === unreadable) return undefined
    throw error
  }
}

/** Whether lists and objects nest deeper than `maxDepth`: told by one pass over the text, before anything parses it. */
export function isTooDeep(text: string): boolean {
  return opensMoreThan(maxDepth, text) && nestsDeeperThan(maxDepth, text)
}

/** Looks for each opening by itself, because Node does that many times faster than a loop over all characters. */
function opensMoreThan(limit: number, text: string): boolean {
  let opened = 0
  for (const opening of openings) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      opened += 1
      if (opened > limit) return true
    }
  }
  return false
}

const openings = ['{', '[', '('] as const

/** Ends at the first bracket that is one too many: what comes behind it may be half a megabyte of them. */
function nestsDeeperThan(limit: number, text: string): boolean {
  let depth = 0
  let quote = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quote !== 0) {
      if (code === backslash) at++
      else if (code === quote) quote = 0
    } else if (code === doubleQuote || code === singleQuote) quote = code
    else if (isClosing(code)) depth--
    else if (isOpening(code) && ++depth > limit) return true
  }
  return false
}

const doubleQuote = 0x22
const singleQuote = 0x27
const backslash = 0x5c
const isOpening = (code: number) => code === 0x7b || code === 0x5b || code === 0x28
const isClosing = (code: number) => code === 0x7d || code === 0x5d || code === 0x29

const unreadable = Symbol('unreadable')
const fail = (): never => {
  throw unreadable
}

const space = /[\s\ufeff]*/y
const bareWord = /[^\s,:{}[\]()'"]+/y
const numberText = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['null', null],
  ['None', null],
  ['NaN', null],
  ['nan', null],
])
const escapes: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['a', '\x07'],
  ['/', '/'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['\n', ''],
])
const hexDigits: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
])

class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  isAtEnd(): boolean {
    this.match(space)
    return this.at === this.text.length
  }

  value(depth: number): unknown {
    if (depth > maxDepth) fail()
    switch (this.peek()) {
      case '{':
        return this.object(depth)
      case '[':
        return this.list(depth, ']')
      case '(':
        return this.list(depth, ')')
      case '"':
      case "'":
        return this.string()
      default:
        return this.bare()
    }
  }

  private object(depth: number): Record<string, unknown> {
    // Without a prototype a key such as __proto__ is a key like any other.
    const object: Record<string, unknown> = Object.create(null)
    this.at++
    while (this.peek() !== '}') {
      const key = this.value(depth + 1)
      if (typeof key !== 'string' && !(key instanceof NumberText)) fail()
      if (this.peek() !== ':') fail()
      this.at++
      object[key instanceof NumberText ? key.text : String(key)] = this.value(depth + 1)
      this.separator('}')
    }
    this.at++
    return object
  }

  private list(depth: number, end: string): unknown[] {
    const list: unknown[] = []
    this.at++
    while (this.peek() !== end) {
      list.push(this.value(depth + 1))
      this.separator(end)
    }
    this.at++
    return list
  }

  private separator(end: string): void {
    const next = this.peek()
    if (next === ',') this.at++
    else if (next !== end) fail()
  }

  private bare(): unknown {
    const word = this.match(bareWord)
    if (words.has(word)) return words.get(word)
    if (numberText.test(word)) return new NumberText(word)
    const quote = this.text[this.at]
    // Python 2 and bytes: u'…' and b'…'
    if ((word === 'u' || word === 'b') && (quote === "'" || quote === '"')) return this.string()
    return fail()
  }

  private string(): string {
    const quote = this.text.charCodeAt(this.at++)
    let value = ''
    let from = this.at
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code === quote) return value + this.text.slice(from, this.at++)
      if (code !== backslash) continue
      value += this.text.slice(from, this.at) + this.escape()
      from = this.at + 1
    }
    return fail()
  }

  /** The text of the escape at `at`; leaves `at` on its last character. */
  private escape(): string {
    const letter = this.text[++this.at] ?? fail()
    const digits = hexDigits.get(letter)
    // As in Python, a backslash before anything else stands for itself.
    if (digits === undefined) return escapes.get(letter) ?? `\\${letter}`
    const hex = this.text.slice(this.at + 1, this.at + 1 + digits)
    const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : Number.NaN
    if (!(code <= 0x10ffff)) return `\\${letter}`
    this.at += digits
    return String.fromCodePoint(code)
  }

  private peek(): string | undefined {
    this.match(space)
    return this.text[this.at]
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? ''
    this.at += found.length
    return found
  }
}
