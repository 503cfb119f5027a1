/**
 * A log for what can happen thousands of times a second: the first of each text goes out, then a count now and then.
 */
import type { Log } from '../log.ts'

export type LimitedLog = {
  warn(fields: { readonly error: string } & Record<string, unknown>, text: string): void
}

/** At most one line per error text every `everyMs` (default 10 s); the line says how many were left out. */
export function limitedLog(log: Log, everyMs = 10_000, now: () => number = Date.now): LimitedLog {
  const seen = new Map<string, { at: number; leftOut: number }>()
  return {
    warn(fields, text) {
      const key = `${text} ${fields.error.slice(0, 200)}`
      const last = seen.get(key)
      if (last !== undefined && now() - last.at < everyMs) {
        last.leftOut += 1
        return
      }
      if (seen.size > 100) seen.clear()
      seen.set(key, { at: now(), leftOut: 0 })
      log.warn(last !== undefined && last.leftOut > 0 ? { ...fields, leftOut: last.leftOut } : fields, text)
    },
  }
}
