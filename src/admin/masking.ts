/**
 * Phone numbers masked in what the admin answers (MASK_NUMBERS). Pure.
 */
import { maskEvent, maskNumbers } from '../mask.ts'

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
