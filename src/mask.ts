/**
 * Texts that may be stored, logged and shown: phone numbers masked, length bounded.
 * Knows nothing of events; leaves call ids, dates and ids of ours readable, because people search by them.
 */

// What holds many digits and is no phone number. Tried in this order, before numbers are looked for.
const kept = [
  // uuid: our event ids
  '\\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\\b',
  // ids of faxes, voicemails, campaigns (24 hex digits) and sums; at least one letter
  '\\b(?=[0-9]*[a-f])(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\\b',
  // call id: <epoch>.<sequence>; epoch seconds with a fraction look the same
  '(?<!\\p{Nd})[12][0-9]{9}\\.[0-9]+',
  // dates, with or without time; and the compact date that begins the name of a recording
  '(?<!\\p{Nd})[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\\.[0-9]+)?)?)?(?!\\p{Nd})',
  '(?<!\\p{Nd})(?:19|20)[0-9]{6}(?=_)',
].join('|')

// Digits in one run (7 to 15 of them, E.164's most), or in groups if it begins as numbers do: +98 912…, 0912-…, (021) …
// Groups without such a beginning are left: a list of extensions looks like them.
const number = [
  '(?<!\\p{Nd})\\p{Nd}{7,15}(?!\\p{Nd})',
  '(?<!\\p{Nd})(?:\\+\\p{Nd}{1,4}|\\(?[0۰٠]\\p{Nd}{1,4}\\)?)(?:[\\s\\-‐–.]?\\(?\\p{Nd}{2,4}\\)?){2,5}(?!\\p{Nd})',
].join('|')

const pattern = new RegExp(`(?<kept>${kept})|${number}`, 'giu')

/**
 * The text with every phone number masked: its first 4 and last 2 digits stay (`0912*****01`), Persian and Arabic
 * digits too. Call ids (`1700000000.101`), dates, uuids and numbers of fewer than 7 digits stay as they are.
 * Never longer or shorter than the text. Rather masks a figure that is no number than shows a number.
 */
export function maskNumbers(text: string): string {
  return text.replace(pattern, (found, ...rest) => {
    const groups = rest.at(-1) as { kept?: string }
    return groups.kept === undefined ? maskDigits(found) : found
  })
}

/**
 * The value, a plain one such as JSON gives, with phone numbers masked in all its texts, names of fields included; a number
 * that reads like a phone number becomes its masked text.
 */
export function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return maskNumbers(value)
  if (typeof value === 'number') {
    const text = String(value)
    const masked = maskNumbers(text)
    return masked === text ? value : masked
  }
  if (Array.isArray(value)) return value.map(maskValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [maskNumbers(name), maskValue(inner)]))
}

/** A stored event with all its numbers masked; a raw body that is no text is left out, since it may hold them in any form. */
export function maskEvent(event: unknown): unknown {
  const masked = maskValue(event)
  if (typeof masked !== 'object' || masked === null || !('raw' in masked)) return masked
  const { raw } = masked
  const isText = typeof raw !== 'object' || raw === null || !('bodyEncoding' in raw) || raw.bodyEncoding !== 'base64'
  return isText ? masked : { ...masked, raw: { ...raw, body: '' } }
}

/** The text, or as much of its beginning as fits into `maxBytes` of UTF-8 with `…` behind it. Cuts no character in half. */
export function cutText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text
  const bytes = Buffer.from(text.slice(0, maxBytes + 1))
  if (bytes.length <= maxBytes && text.length <= maxBytes) return text
  const mark = '…'
  let end = Math.max(0, maxBytes - Buffer.byteLength(mark))
  // 10xxxxxx is the inside of a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return maxBytes < Buffer.byteLength(mark) ? '' : bytes.toString('utf8', 0, end) + mark
}

function maskDigits(found: string): string {
  const digits = found.match(/\p{Nd}/gu)?.length ?? 0
  if (digits < 7 || digits > 15) return found
  let at = 0
  return found.replace(/\p{Nd}/gu, (digit) => {
    at++
    return at <= 4 || at > digits - 2 ? digit : '*'
  })
}
