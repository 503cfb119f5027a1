/**
 * Log lines of the processes as a person reads them: the process in front, the event and its lane in words.
 */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { prettyFactory } from 'pino-pretty'

/** One line of a process's log, parsed. */
export type LogRecord = Readonly<Record<string, unknown>>

/** Prints a line of a process: its record, or its text if it is none. */
export type PrintLine = (name: string, line: LogRecord | string) => void

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
/** In words in the line itself, or of no use to who watches. */
const inWords = 'process,event,lane,callId,attempt,outcome,durationMs,run,eventId,status,error,stack'

/** The more talkative of two levels. */
export function moreTalkative(one: string, other: string): string {
  return levels.indexOf(one) < levels.indexOf(other) ? one : other
}

/** Prints to `out` what is at `level` or above. Colours only if asked for. */
export function createPrinter(out: NodeJS.WritableStream, options: { level: string; colours: boolean }): PrintLine {
  const lowest = levels.indexOf(options.level)
  const pretty = prettyFactory({
    colorize: options.colours,
    colorizeObjects: options.colours,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: inWords,
    messageFormat: (record, messageKey) => inOneLine(record, String(record[messageKey] ?? '')),
  })
  return (name, line) => {
    if (typeof line === 'string') return void out.write(`${name.padEnd(7)} | ${line}\n`)
    if (levels.indexOf(String(line['level'])) < lowest) return
    for (const text of [pretty(line).trimEnd(), ...stackOf(line)]) out.write(`${name.padEnd(7)} | ${text}\n`)
  }
}

/** Calls `take` with each line that a process writes: parsed if it is a log line, else as it is. */
export function readLines(stream: Readable, take: (line: LogRecord | string) => void): void {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
  lines.on('line', (text) => {
    if (text.trim() !== '') take(parse(text))
  })
}

function parse(text: string): LogRecord | string {
  if (!text.startsWith('{')) return text
  try {
    const record: LogRecord = JSON.parse(text)
    return typeof record['level'] === 'string' && typeof record['msg'] === 'string' ? record : text
  } catch {
    return text
  }
}

function inOneLine(record: LogRecord, message: string): string {
  const { event, lane, attempt, durationMs, eventId, level, error } = record
  const parts = [message]
  if (event !== undefined) parts.push(String(event))
  if (event !== undefined && lane !== undefined) parts.push(`in ${lane}`)
  if (typeof attempt === 'number' && attempt > 1) parts.push(`attempt ${attempt}`)
  if (durationMs !== undefined) parts.push(`${durationMs} ms`)
  // Who is to look an event up needs its id; the others would only fill the screen.
  if (eventId !== undefined && (level === 'warn' || level === 'error')) parts.push(`[${eventId}]`)
  const text = parts.join('  ')
  return error === undefined ? text : `${text}: ${typeof error === 'string' ? error : JSON.stringify(error)}`
}

/** Where it was thrown, without the first line, which says the error again. */
function stackOf({ stack }: LogRecord): string[] {
  return typeof stack === 'string' ? stack.split('\n').filter((line) => /^\s+at /.test(line)) : []
}
