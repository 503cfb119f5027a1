/**
 * The log: pino, JSON on stdout, with the fixed field names (eventId, event, lane, callId, attempt, outcome, durationMs).
 * Credentials never reach it: the fields that may hold some are redacted here, once.
 */
import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

export type LogOptions = {
  /** `trace` to `fatal`, or `silent`. Default `info`. */
  readonly level?: string
  /** Name of the process: ingress, worker, admin. */
  readonly name?: string
  /** Where lines go; stdout by default. */
  readonly destination?: DestinationStream
}

const redact = [
  'password',
  'authorization',
  '*.password',
  '*.authorization',
  'headers.authorization',
  'req.headers.authorization',
]

/** A logger for one process. Children made from it keep its level and redaction. */
export function createLog({ level = 'info', name, destination }: LogOptions = {}): Log {
  const options = {
    level,
    base: name === undefined ? {} : { process: name },
    redact: { paths: redact, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

export type LimitedLog = Record<'warn' | 'error', (fields: Record<string, unknown>, text: string) => void>

export type LimitedLogOptions = {
  /** How long after a line the same is left out, in milliseconds. */
  readonly everyMs: number
  /** Lines with another `error` field are another line. Default false: the text alone tells them apart. */
  readonly byError?: boolean
  /** Milliseconds; a clock that never steps by default. */
  readonly now?: () => number
}

/** How many different lines are remembered; errors may hold anything. */
const maxRemembered = 100

/** For what can happen thousands of times a second: the first goes out at once, then one now and then with how many were left out. */
export function limitedLog(log: Log, options: LimitedLogOptions): LimitedLog {
  const { everyMs, byError = false, now = () => performance.now() } = options
  const seen = new Map<string, { at: number; leftOut: number }>()
  const tell = (level: 'warn' | 'error') => (fields: Record<string, unknown>, text: string) => {
    const key = byError ? `${text} ${String(fields['error']).slice(0, 200)}` : text
    const last = seen.get(key)
    if (last !== undefined && now() - last.at < everyMs) {
      last.leftOut += 1
      return
    }
    if (seen.size > maxRemembered) seen.clear()
    seen.set(key, { at: now(), leftOut: 0 })
    log[level](last === undefined || last.leftOut === 0 ? fields : { ...fields, leftOut: last.leftOut }, text)
  }
  return { warn: tell('warn'), error: tell('error') }
}
