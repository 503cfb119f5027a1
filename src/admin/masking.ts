/**
 * Phone numbers masked in what the admin answers (MASK_NUMBERS). Pure.
 */
import { maskNumbers, maskValue } from '../mask.ts'

/** An answer of ours with the numbers in its texts masked. Its own figures stay; what stands under `event` is from outside. */
export function maskAnswer<T>(answer: T): T {
  if (typeof answer === 'string') return maskNumbers(answer) as T
  if (Array.isArray(answer)) return answer.map(maskAnswer) as T
  if (typeof answer !== 'object' || answer === null) return answer
  const parts = Object.entries(answer).map(([name, part]) => [
    name,
    name === 'event' ? maskEvent(part) : maskAnswer(part),
  ])
  return Object.fromEntries(parts) as T
}

/** A stored event with all its numbers masked; a raw body that is no text is left out, since it may hold them in any form. */
export function maskEvent(event: unknown): unknown {
  const masked = maskValue(event)
  if (typeof masked !== 'object' || masked === null || !('raw' in masked)) return masked
  const { raw } = masked
  const isText = typeof raw !== 'object' || raw === null || !('bodyEncoding' in raw) || raw.bodyEncoding !== 'base64'
  return isText ? masked : { ...masked, raw: { ...raw, body: '' } }
}
