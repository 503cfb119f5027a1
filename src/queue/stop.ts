/**
 * A stop: what an AbortController is to the runner, for a fraction of its price. One is made for every attempt, and hardly any is used.
 */
import type { Stop } from '../event/outcome.ts'

export type StopController = {
  readonly signal: Stop
  abort(reason: Error): void
}

class Signal implements Stop {
  aborted = false
  reason: unknown
  private listeners: (() => void)[] = []

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.listeners = this.listeners.filter((other) => other !== listener)
  }

  /** Once; a listener is told once. */
  stop(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    const { listeners } = this
    this.listeners = []
    for (const listener of listeners) listener()
  }
}

export function createStop(): StopController {
  const signal = new Signal()
  return { signal, abort: (reason) => signal.stop(reason) }
}
