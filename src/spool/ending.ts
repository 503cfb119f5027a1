/**
 * The end of the spool, when it is near. As long as events keep coming there is always one behind the last, and on a slow disk the
 * straight way would never open. So what comes then waits a moment instead of going behind.
 */

export type Ending = {
  /**
   * For an event that comes now. Resolves once the spool is empty, or it is known that it will not be for now. Undefined: it goes
   * behind what is held, at once.
   */
  wait(): Promise<void> | undefined
  /** Little is left, and Redis takes it. */
  near(): void
  /** Nothing is left, or Redis does not take it. */
  over(): void
}

/** Between a wait in vain and the next, in milliseconds. */
const restMs = 1_000

/** `holdMs`: the longest that an event waits. */
export function createEnding(holdMs: number): Ending {
  let held: Promise<void> | undefined
  let release = () => {}
  let timer: NodeJS.Timeout | undefined
  let notBefore = Number.NEGATIVE_INFINITY

  const over = () => {
    clearTimeout(timer)
    held = undefined
    release()
  }

  return {
    wait: () => held,
    near() {
      if (held !== undefined || performance.now() < notBefore) return
      held = new Promise((resolve) => {
        release = resolve
      })
      timer = setTimeout(() => {
        notBefore = performance.now() + restMs
        over()
      }, holdMs)
    },
    over,
  }
}
