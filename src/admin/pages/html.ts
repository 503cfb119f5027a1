/**
 * HTML by a tagged template in which every value is escaped unless `html` made it itself. There is no way to say "trust this".
 * Pure; knows nothing of what is shown.
 */

/** A piece of HTML. Made by `html` only: a payload can never be one. */
class Piece {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export type Html = Piece

/** What may stand in a template. Lists are joined; null, undefined and false are nothing. */
export type Value = Html | string | number | null | undefined | false | readonly Value[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * The template with its values escaped, for text and for attribute values in double quotes; nowhere else (no script, no
 * style, no attribute's name).
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = strings[0] ?? ''
  values.forEach((value, index) => {
    text += textOf(value) + (strings[index + 1] ?? '')
  })
  return new Piece(text)
}

function textOf(value: Value): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Piece) return value.text
  if (typeof value === 'object') return value.map(textOf).join('')
  return String(value).replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

/** `path?name=value&…` of the parameters that are not undefined or empty; `path` may have some already. */
export function address(path: string, parameters: Readonly<Record<string, string | number | undefined>> = {}): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '')
  if (given.length === 0) return path
  return `${path}${path.includes('?') ? '&' : '?'}${given.map(([name, value]) => `${name}=${inAddress(String(value))}`).join('&')}`
}

/** A text as one part of an address. Half a surrogate, which no address can hold, becomes a replacement character. */
export function inAddress(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd'))
}
