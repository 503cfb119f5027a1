/**
 * Walks over the text of a JSON object whose sender separates everything in one way: without spaces, or with one behind each
 * comma and colon. Linear; believes what it reads, so whoever uses it must prove what comes out.
 */

export const openBrace = 0x7b
export const closeBrace = 0x7d
export const openBracket = 0x5b
export const closeBracket = 0x5d
export const quote = 0x22
export const comma = 0x2c
export const point = 0x2e
const colon = 0x3a
const space = 0x20
const backslash = 0x5c

export class JsonCursor {
  protected readonly body: string
  protected readonly isSpaced: boolean
  protected at = 0

  constructor(body: string) {
    this.body = body
    this.isSpaced = body.charCodeAt(body.indexOf(':') + 1) === space
  }

  /** Passes what separates two tokens; false if it is written otherwise than at the first place. */
  protected skip(): boolean {
    this.at++
    if (this.isSpaced && this.body.charCodeAt(this.at++) !== space) return false
    return true
  }

  /** The name that begins here, and past its colon; undefined if it is none, or written with escapes. */
  protected key(): string | undefined {
    const from = this.at
    if (this.body.charCodeAt(from) !== quote) return undefined
    const end = this.body.indexOf('"', from + 1)
    const key = this.body.slice(from + 1, end)
    this.at = end + 1
    if (end === -1 || key.includes('\\') || this.body.charCodeAt(this.at) !== colon || !this.skip()) return undefined
    return key
  }

  /** The text of the value that begins here; undefined if the body ends in it. */
  protected token(): string | undefined {
    const from = this.at
    const code = this.body.charCodeAt(from)
    if (code === quote) this.at = this.endOfText(from)
    else {
      let depth = 0
      for (; this.at < this.body.length; this.at++) {
        const one = this.body.charCodeAt(this.at)
        if (one === quote) this.at = this.endOfText(this.at) - 1
        else if (one === openBrace || one === openBracket) depth++
        else if (one === closeBrace || one === closeBracket) {
          if (depth-- === 0) break
        } else if (one === comma && depth === 0) break
      }
    }
    return this.at > from && this.at < this.body.length ? this.body.slice(from, this.at) : undefined
  }

  /** Behind the closing quote of the text that begins at `from`; the end of the body if there is none. */
  private endOfText(from: number): number {
    for (let end = this.body.indexOf('"', from + 1); end !== -1; end = this.body.indexOf('"', end + 1)) {
      let escapes = 0
      while (this.body.charCodeAt(end - 1 - escapes) === backslash) escapes++
      if (escapes % 2 === 0) return end + 1
    }
    return this.body.length
  }
}
