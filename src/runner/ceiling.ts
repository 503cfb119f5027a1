/**
 * A processor's own concurrency in one process: who may enter, and when those that may not should come back.
 * Events that find no place leave their slot at once; how long they stay away follows how fast places become free,
 * so that thousands of waiting lanes do not fill Redis with put-backs.
 */

export type Ceiling = {
  /** A function that gives the place back (call it once), or undefined if there is no place. */
  enter(): (() => void) | undefined
  /** How long one more event that found no place should stay away, in milliseconds: 50 to 10,000. */
  delayMs(): number
}

const shortestMs = 50
const longestMs = 10_000

/** `places` attempts at a time. `now` is a monotonic clock in milliseconds. */
export function createCeiling(
  places: number,
  random: () => number = Math.random,
  now: () => number = () => performance.now(),
): Ceiling {
  let taken = 0
  // How long a place is held, on average; the first guess is soon forgotten.
  let heldMs = 200
  // The moment for which the next event is called back: each takes a turn behind the one before it.
  let nextTurn = 0
  return {
    enter() {
      if (taken >= places) return undefined
      taken++
      const since = now()
      return () => {
        taken--
        heldMs += (now() - since - heldMs) / 8
      }
    },
    delayMs() {
      const time = now()
      nextTurn = Math.min(Math.max(nextTurn, time) + heldMs / places, time + longestMs)
      // Up to half shorter: events of several processes, and those at the upper bound, do not come back all at once.
      return Math.max(shortestMs, Math.round((nextTurn - time) * (1 - random() / 2)))
    },
  }
}
