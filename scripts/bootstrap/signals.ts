/**
 * Ctrl-C, SIGTERM and SIGHUP as two wishes: stop, and stop now.
 */

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof names)[number]

/** npm hands on the Ctrl-C that the terminal has sent to us as well: two signals this close are one wish. */
const sameWishMs = 1_000

/** Calls `first` for the first signal and `again` for each later wish. Returns a function that stops listening. */
export function onStopSignals(first: (signal: StopSignal) => void, again: (signal: StopSignal) => void): () => void {
  let firstAt: number | undefined
  const listeners = names.map((name) => {
    const listener = () => {
      const now = performance.now()
      if (firstAt === undefined) {
        firstAt = now
        first(name)
      } else if (now - firstAt > sameWishMs) again(name)
    }
    process.on(name, listener)
    return [name, listener] as const
  })
  return () => {
    for (const [name, listener] of listeners) process.removeListener(name, listener)
  }
}
