/**
 * The end of `up`: the first Ctrl-C (SIGTERM, SIGHUP, npm gone) stops in reverse order of the start, a second one at once.
 */
import { readFileSync } from 'node:fs'
import { onStopSignals } from '../bootstrap/signals.ts'

export type Stop = {
  /** Aborts when the stop begins. */
  readonly signal: AbortSignal
  /** Resolves with 0 when the stop begins, never before. */
  readonly stopped: Promise<number>
  /** Has `end` called at the stop; it says whether it ended clean. `now` is for who cannot wait. */
  later(end: () => Promise<boolean>, now?: () => void): void
  /** Ends what was left for later, the last first. True if all of it ended clean. */
  cleanUp(): Promise<boolean>
}

const parentCheckMs = 1_000

/** Listens for the wish to stop, until `cleanUp` is done. */
export function createStop(say: (line: string) => void): Stop {
  const controller = new AbortController()
  const ends: { end: () => Promise<boolean>; now: () => void }[] = []
  const begin = (why: string) => {
    if (controller.signal.aborted) return
    say(`\n${why}: stopping. Once more stops without waiting.`)
    controller.abort()
  }
  const ignore = onStopSignals(begin, () => {
    for (const { now } of ends) now()
  })
  const check = watchParent(begin)
  return {
    signal: controller.signal,
    stopped: new Promise((resolve) => controller.signal.addEventListener('abort', () => resolve(0), { once: true })),
    later: (end, now = () => {}) => void ends.push({ end, now }),
    cleanUp: async () => {
      controller.abort()
      let isClean = true
      for (const { end } of ends.toReversed()) isClean = (await end()) && isClean
      clearInterval(check)
      ignore()
      return isClean
    },
  }
}

/** A shell between npm and us may hand no signal on: when npm is gone, we must not stay behind. */
function watchParent(begin: (why: string) => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined
  const before = parents()
  const timer = setInterval(() => {
    if (parents() !== before) begin('npm is gone')
  }, parentCheckMs)
  return timer.unref()
}

/** Our parent, and if that is the shell in which npm runs its scripts, its parent too: only that one is npm. */
function parents(): string {
  try {
    const [, name, parent] = /^\d+ \((.*)\) \w (\d+)/s.exec(readFileSync(`/proc/${process.ppid}/stat`, 'latin1')) ?? []
    return name === 'sh' || name === 'dash' ? `${process.ppid} ${parent}` : String(process.ppid)
  } catch {
    // Not Linux: there the shell becomes the script's process, and our parent is npm.
    return String(process.ppid)
  }
}
