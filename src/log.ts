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
