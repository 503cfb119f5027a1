/**
 * Counting within a window, in bounded memory: how often an address failed, how often a line was logged.
 * Knows no clock of its own.
 */

export type WindowCount = {
  /** Counts one more for `key` and gives how many there were in its window, this one included. */
  add(key: string): number
}

/**
 * A count per key that starts anew `windowMs` after its first. Remembers at most `maxKeys` keys (default 10,000): the
 * oldest are forgotten first, so a flood of addresses frees some guesser rather than fills the memory.
 */
export function createWindowCount(windowMs: number, now: () => number, maxKeys = 10_000): WindowCount {
  const counts = new Map<string, { since: number; count: number }>()
  return {
    add(key) {
      const at = now()
      const known = counts.get(key)
      if (known !== undefined && at - known.since < windowMs && at >= known.since) return ++known.count
      counts.delete(key)
      counts.set(key, { since: at, count: 1 })
      if (counts.size > maxKeys) counts.delete(counts.keys().next().value ?? key)
      return 1
    },
  }
}
