/**
 * defineProcessor: what a file in workers/ exports. Types of a processor, its options and its context.
 * Checks what the compiler cannot (JavaScript files, casts), so that a wrong processor stops the worker at start.
 */
import { ProcessorLoadError } from '../errors.ts'
import { type EventName, eventNames } from '../event/catalogue.ts'
import type { Event } from '../event/event.ts'
import type { Log } from '../log.ts'
import { nearestEvent } from './nearest.ts'
import { checkOptions, type ProcessorOptions } from './options.ts'

export type { Backoff, ProcessorOptions } from './options.ts'

declare const skippedMark: unique symbol
/** What `ctx.skip()` gives; return it. */
export type Skipped = { readonly [skippedMark]: true; readonly reason?: string }

export type Context = {
  /** Attempts used including this one, from 1. */
  readonly attempt: number
  /** Attempts this event has in all. */
  readonly attempts: number
  /** Starts including this one; crashes and put-offs count. With `event.sequence` a receiver can reject late writes. */
  readonly run: number
  /** Aborts on `timeoutMs`, on shutdown past its limit, and when another worker has taken the event over. */
  readonly signal: AbortSignal
  /** Bound to the event: eventId, event, lane, callId, attempt. */
  readonly log: Log
  /** `return ctx.skip('why')`: nothing to do for this event. */
  skip(reason?: string): Skipped
}

// biome-ignore lint/suspicious/noConfusingVoidType: a processor may return nothing, or what ctx.skip gives
type Result = void | Skipped
export type Process<N extends EventName = EventName> = (event: Event<N>, context: Context) => Promise<Result> | Result

/** `'*'`: every event that has no processor of its own, Unknown included. */
export type ProcessorName = EventName | '*'

/** The events that a processor of these names is given. */
export type NamesOf<N extends ProcessorName> = N extends EventName ? N : EventName

export type Processor<N extends EventName = EventName> = {
  readonly kind: 'processor'
  readonly names: readonly ProcessorName[]
  readonly options: ProcessorOptions
  // A method, not a property: so a Processor<'Cdr'> can stand in a registry of Processors, which looks them up by name.
  process(event: Event<N>, context: Context): Promise<Result> | Result
}

/**
 * A processor for the events of one name, of several, or (`'*'`) of all that have none of their own. Frozen.
 * Options left out have the defaults of the settings. `event.data` is typed by the name.
 * @throws ProcessorLoadError if a name, an option or the function is not what it should be.
 * @example export default defineProcessor('Cdr', async (event, ctx) => { ctx.log.info(event.data.src) })
 */
export function defineProcessor<const N extends ProcessorName>(
  names: N | readonly N[],
  process: Process<NamesOf<N>>,
): Processor<NamesOf<N>>
export function defineProcessor<const N extends ProcessorName>(
  names: N | readonly N[],
  options: ProcessorOptions,
  process: Process<NamesOf<N>>,
): Processor<NamesOf<N>>
export function defineProcessor(names: unknown, ...rest: readonly unknown[]): Processor {
  const [options, process] = rest.length > 1 ? rest : [{}, rest[0]]
  const list = checkNames(names)
  const label = list.join(', ')
  if (typeof process !== 'function') {
    throw new ProcessorLoadError(
      `defineProcessor for ${label} has no function: give one last, as in defineProcessor('Cdr', async (event, ctx) => { … }).`,
    )
  }
  return Object.freeze({
    kind: 'processor',
    names: Object.freeze(list),
    options: checkOptions(options, label),
    process: process as Process,
  })
}

/** Whether a value was made by `defineProcessor`, of this copy of the module or another. */
export function isProcessor(value: unknown): value is Processor {
  if (typeof value !== 'object' || value === null) return false
  const { kind, names, options, process } = value as Record<keyof Processor, unknown>
  return kind === 'processor' && Array.isArray(names) && typeof options === 'object' && typeof process === 'function'
}

const known: ReadonlySet<unknown> = new Set([...eventNames, '*'])

function checkNames(names: unknown): ProcessorName[] {
  const list: unknown[] = Array.isArray(names) ? names : [names]
  if (list.length === 0) {
    throw new ProcessorLoadError("defineProcessor was given no event name: give one or more, or '*' for all others.")
  }
  for (const name of list) {
    if (known.has(name)) continue
    throw new ProcessorLoadError(
      `defineProcessor was given the unknown event name ${typeof name === 'string' ? `'${name.slice(0, 80)}'` : typeof name}: ${remedyFor(name)}`,
    )
  }
  if (list.length > 1 && list.includes('*')) {
    throw new ProcessorLoadError(
      "defineProcessor was given '*' beside other names: '*' means every event without a processor of its own, give it alone.",
    )
  }
  const twice = list.find((name, at) => list.indexOf(name) !== at)
  if (twice !== undefined) {
    throw new ProcessorLoadError(`defineProcessor was given the event name '${twice}' twice: give it once.`)
  }
  return list as ProcessorName[]
}

function remedyFor(name: unknown): string {
  const guess = typeof name === 'string' ? nearestEvent(name) : undefined
  return guess === undefined
    ? `give one of ${eventNames.join(', ')}, or '*' for all others.`
    : `did you mean '${guess}'? (All names: docs/events.md.)`
}
