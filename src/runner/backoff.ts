/**
 * Backoff: how long an event waits between a failed attempt and the next. Pure but for the random it is handed.
 */

export type Waits = { readonly firstMs: number; readonly maxMs: number; readonly jitter: number }

/**
 * Delay before the next attempt, in whole milliseconds: `firstMs` doubled per failed attempt, capped at `maxMs`, then
 * shortened at random by up to `jitter` (0 to 1; 0 = exact). `failedAttempts` counts from 1. Pure but for `random`.
 * @throws RangeError if `failedAttempts` is below 1.
 * @example backoffMs(3, { firstMs: 1_000, maxMs: 60_000, jitter: 0 }) // 4000
 */
export function backoffMs(
  failedAttempts: number,
  { firstMs, maxMs, jitter }: Waits,
  random: () => number = Math.random,
): number {
  if (!(failedAttempts >= 1)) throw new RangeError(`backoffMs: failedAttempts counts from 1, got ${failedAttempts}`)
  // Beyond 2^40 any wait is over its cap; without the bound 0 * Infinity would be no number.
  const doubled = firstMs * 2 ** Math.min(failedAttempts - 1, 40)
  return Math.round(Math.min(doubled, maxMs) * (1 - jitter * random()))
}
