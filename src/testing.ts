/**
 * What tests of processors import as `#bridge/testing`: events to try, and one real attempt on them, without Redis.
 * The attempt is the runner's own, and the event goes through its stored form first, so tests meet what production meets.
 */
import { randomUUID } from 'node:crypto'
import { loadConfig } from './config.ts'
import { catalogue, type EventName } from './event/catalogue.ts'
import type { Event } from './event/event.ts'
import { laneOf } from './event/lane.ts'
import type { Outcome } from './event/outcome.ts'
import { type Plan, planOf } from './event/plan.ts'
import { sampleCallId, samples } from './event/samples.ts'
import { type EventData, schemas } from './event/schemas.ts'
import { decode, encode } from './event/stored.ts'
import { createLog } from './log.ts'
import { runAttempt } from './runner/attempt.ts'
import { isProcessor, type Processor } from './runner/define.ts'
import { nearest } from './runner/nearest.ts'
import { type Defaults, settle } from './runner/options.ts'
import { fieldsOf } from './runner/runner.ts'

export type { Outcome } from './event/outcome.ts'

/** What may be set of an event besides its data. `lane` follows from the rest unless given. */
export type EventAbout = Partial<
  Pick<Event, 'eventId' | 'source' | 'callId' | 'lane' | 'sequence' | 'receivedAt' | 'problems' | 'raw' | 'replayOf'>
> & {
  /** Fields that no schema knows; a PBX may send some. They stand in `data` under their own names. */
  readonly unknownFields?: Readonly<Record<string, unknown>>
}

let made = 0

/**
 * An event of that name: sample data with your changes (`undefined` takes a field away), in the call 1700000000.101 if such
 * events name one. Each further event has the next id, a larger sequence and a receivedAt one second later.
 * @throws TypeError that names the field if the data does not fit the event's schema.
 * @example eventOf('Cdr', { disposition: 'no-answer' }, { callId: '1700000000.102' })
 */
export function eventOf<N extends EventName>(
  name: N,
  changes: Partial<EventData<N>> = {},
  about: EventAbout = {},
): Event<N> {
  if (!Object.hasOwn(schemas, name)) throw new TypeError(`eventOf: there is no event named '${name}'`)
  const { unknownFields = {}, ...rest } = about
  if (name !== 'Unknown') checkFields(changes, planOf(name), name, '')
  const changed = Object.entries({ ...samples[name], ...changes, ...unknownFields })
  const data = Object.fromEntries(changed.filter(([, value]) => value !== undefined))
  const parsed = schemas[name].safeParse(data)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new TypeError(`eventOf('${name}'): the field ${issue?.path.join('.')} does not fit: ${issue?.message}`)
  }
  made++
  const namesCall = catalogue[name].callId === 'yes' || catalogue[name].callId === 'usually'
  const facts = { name, eventId: randomUUID(), source: 'default', callId: namesCall ? sampleCallId : null, ...rest }
  return {
    ...facts,
    lane: rest.lane ?? laneOf({ ...facts, data }),
    sequence: rest.sequence ?? 1_700_000_000_000_000 + made,
    receivedAt: rest.receivedAt ?? new Date(Date.UTC(2023, 10, 14, 22, 13, 20) + made * 1_000),
    data,
    problems: rest.problems ?? [],
    raw: rest.raw ?? rawOf(name, facts.callId),
  } as unknown as Event<N>
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly msg: string }

export type RunOptions = {
  /** Attempts used including this one. Default 1. */
  readonly attempt?: number
  /** Starts including this one. Default that of `attempt`. */
  readonly run?: number
  /** When a RetryLaterError first put the event off, in epoch milliseconds. Default: none did. */
  readonly putOffSince?: number
  /** Instead of the processor's own, in milliseconds. */
  readonly timeoutMs?: number
  /** Stands for a drain or a lost lock when it aborts. */
  readonly signal?: AbortSignal
  /** Gets what the processor logs, every level. */
  readonly logLines?: LogLine[]
  /** 0 to 1, for the jitter of the backoff. Default () => 0: the waits are exact. */
  readonly random?: () => number
  /** Epoch milliseconds. Default Date.now. */
  readonly now?: () => number
}

/**
 * Runs one attempt as a worker would, options and defaults of the settings included, and gives its outcome; it does not
 * throw what the processor throws.
 * @throws TypeError if it is no processor, or none for this event.
 */
export async function runProcessor<N extends EventName>(
  processor: Processor<N>,
  event: Event<NoInfer<N>>,
  options: RunOptions = {},
): Promise<Outcome> {
  if (!isProcessor(processor)) throw new TypeError('runProcessor: give it what defineProcessor made')
  if (!processor.names.includes('*') && !processor.names.includes(event.name)) {
    throw new TypeError(
      `runProcessor: this processor is for ${processor.names.join(', ')}, the event is a ${event.name}; a worker would never bring them together`,
    )
  }
  const {
    attempt = 1,
    run = attempt,
    putOffSince,
    signal = new AbortController().signal,
    timeoutMs,
    logLines,
  } = options
  const settled = settle(processor.options, defaults())
  const stored = throughStore(event)
  const start = { attempt, run, putOffSince, signal }
  const destination = { write: (line: string) => void logLines?.push(JSON.parse(line)) }
  const log = createLog({ level: logLines === undefined ? 'silent' : 'trace', destination })
  const { outcome } = await runAttempt(
    processor,
    stored,
    start,
    { ...settled, timeoutMs: timeoutMs ?? settled.timeoutMs },
    { log: log.child(fieldsOf(stored, start)), random: options.random ?? (() => 0), now: options.now ?? Date.now },
  )
  return outcome
}

/** The event as a worker gets it: written as the job's data, the sequence put in front as the lane does, and read again. */
function throughStore(event: Event): Event {
  return decode(JSON.parse(`{"sequence":${event.sequence},${encode(event).slice(1)}`))
}

function defaults(): Defaults {
  const { worker } = loadConfig({})
  return {
    attempts: worker.attempts,
    timeoutMs: worker.timeoutMs,
    backoff: { firstMs: worker.backoffFirstMs, maxMs: worker.backoffMaxMs },
    concurrency: worker.concurrency,
    retryLaterMaxMs: worker.retryLaterMaxMs,
  }
}

function checkFields(given: unknown, plan: Plan, event: EventName, path: string): void {
  if (Array.isArray(given)) {
    for (const one of given) checkFields(one, plan, event, path)
    return
  }
  if (typeof given !== 'object' || given === null) return
  const names = plan.fields.map(({ name }) => name)
  for (const [name, value] of Object.entries(given)) {
    const field = plan.fields.find((one) => one.name === name)
    if (field === undefined) {
      const guess = nearest(name, names)
      throw new TypeError(
        `eventOf('${event}'): there is no field ${path}${name}${guess === undefined ? '' : `, did you mean ${path}${guess}?`} (Fields that no schema knows go into the third argument, as unknownFields.)`,
      )
    }
    if (field.inner !== undefined) checkFields(value, field.inner, event, `${path}${name}.`)
  }
}

/** Something like what Simotel would have sent; `data` is not repeated in it. */
function rawOf(name: EventName, callId: string | null): Event['raw'] {
  const body = JSON.stringify({ event_name: name, ...(callId === null ? {} : { unique_id: callId, cuid: callId }) })
  return { method: 'POST', path: '/', query: '', contentType: 'application/json', body, bodyEncoding: 'utf8' }
}
