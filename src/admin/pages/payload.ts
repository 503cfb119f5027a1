/**
 * Payload: a stored event's raw webhook and its normalised form as text, as far as numbers may be shown.
 */
import type { StoredEvent } from '../../queue/stored-look.ts'
import type { Show } from './show.ts'

const tooLong = 'It is longer than 256 KiB and not shown here; GET /api/calls or the job in Redis has it.'

/** Longest text of a webhook on a page, in characters. */
const maxShown = 20_000

/** The raw webhook as it came; where numbers are masked, with its escapes decoded. */
export function rawText({ raw }: StoredEvent, show: Show): string {
  if (!isRecord(raw)) return tooLong
  const { method, path, query, contentType, body, bodyEncoding } = raw
  const head = `${said(method)} ${said(path)}${said(query) === '' ? '' : `?${said(query)}`}`
  const type = said(contentType) === '' ? '' : `\n${said(contentType)}`
  const text = bodyEncoding === 'base64' ? binary(said(body), show) : said(body)
  return cut(masked(`${head}${type}${text === '' ? '' : `\n\n${text}`}`, show))
}

/** Name, data and where it belongs; what the raw webhook has is left to it. */
export function normalisedText(event: StoredEvent, show: Show): string {
  const { raw: _, v: __, problems: ___, ...rest } = event
  if (Object.keys(rest).length === 0) return tooLong
  return cut(show.text(JSON.stringify(rest, null, 2)))
}

export type Problem = Readonly<Record<'field' | 'value' | 'reason', string>>

/** Fields that did not parse, at most 50. */
export function problemsOf({ problems }: StoredEvent): readonly Problem[] {
  if (!Array.isArray(problems)) return []
  return problems
    .filter(isRecord)
    .slice(0, 50)
    .map(({ field, value, reason }) => ({ field: said(field), value: said(value).slice(0, 200), reason: said(reason) }))
}

/** The mask looks for digits: those that are written as escapes must be digits first. */
function masked(text: string, show: Show): string {
  if (!show.isMasked) return text
  const plain = text
    .replace(/(?:%[0-9a-f]{2})+/gi, decoded)
    .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi, (found, hex?: string, decimal?: string) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : found
    })
  return show.text(plain)
}

function decoded(escapes: string): string {
  return Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8')
}

/** Bytes that are no text may hold a number in any form. */
function binary(base64: string, show: Show): string {
  if (show.isMasked) return '(bytes that are not UTF-8, left out by MASK_NUMBERS)'
  return `(base64)\n${base64}`
}

function cut(text: string): string {
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}\n… (${text.length - maxShown} more characters)`
}

const said = (value: unknown): string => (typeof value === 'string' ? value : '')

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
