/**
 * A log for what goes wrong thousands of times in a row: the first of each text at once, then one line now and then with a count.
 */
import type { Log } from '../log.ts'

export type LoudLog = Record<'warn' | 'error', (fields: Record<string, unknown>, text: string) => void>

/** At most one line per text every `everyMs` (default 5 s). */
export function loudLog(log: Log, everyMs = 5_000, now: () => number = () => performance.now()): LoudLog {
  const seen = new Map<string, { at: number; leftOut: number }>()
  const tell = (level: 'warn' | 'error') => (fields: Record<string, unknown>, text: string) => {
    const last = seen.get(text)
    if (last !== undefined && now() - last.at < everyMs) {
      last.leftOut += 1
      return
    }
    seen.set(text, { at: now(), leftOut: 0 })
    log[level](last === undefined || last.leftOut === 0 ? fields : { ...fields, leftOut: last.leftOut }, text)
  }
  return { warn: tell('warn'), error: tell('error') }
}
