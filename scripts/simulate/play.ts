/**
 * Sends the webhooks of a plan: calls run side by side, within a call the next webhook goes out after the answer to the one
 * before. Paced by a rate, by call time, or not at all. Everything is bounded: calls, connections, waiting.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { type Credentials, createClient, type Reply, simotelTimeoutMs } from './client.ts'
import { baseTimeOf, type Plan, type PlannedCall, type PlannedWebhook, planCalls, planOf } from './plan.ts'
import { type Counts, createTally, type SentWebhook, type Tally } from './report.ts'

export type PlayOptions = Partial<Omit<Plan, 'url'>> & {
  /** The address as entered in Simotel's settings. */
  readonly url: string | URL
  /** Default: drawn at random, with the present as base time; the report says which. */
  readonly seed?: number
  /** Events a second over all calls; not together with `speed`. Default: no limit. */
  readonly rate?: number
  /** Call time is divided by it: 1 plays a call as slowly as it was, 10 ten times as fast. Default: no pauses. */
  readonly speed?: number
  /** Calls at a time. Default: 32 at full speed, 256 when paced. */
  readonly concurrency?: number
  /** Default 5000, as Simotel. */
  readonly timeoutMs?: number
  /** How long after the request is out a client that gives up closes. Default 100. */
  readonly giveUpAfterMs?: number
  readonly credentials?: Credentials | undefined
  /** Sends nothing more once it aborts; what is on its way is waited for. */
  readonly signal?: AbortSignal
  /** Told of each webhook when its fate is known. */
  readonly onSent?: (sent: SentWebhook) => void
  /** Counts as they grow, for a progress line. */
  readonly tally?: Tally
  /** False keeps no entry per webhook, for long runs. Default true. */
  readonly keepEntries?: boolean
}

export type Report = Counts & {
  readonly seed: number
  readonly baseTime: number
  /** Stopped by `signal` before the end. */
  readonly stopped: boolean
  /** One per webhook sent, in the order in which their fates were known; within a call in the order sent. */
  readonly entries: readonly SentWebhook[]
}

/** Not one connection came about: nothing listens at the address. `message` says which, and what to do. */
export class NothingListensError extends Error {
  constructor(url: URL, reason: string) {
    super(
      `Nothing listens at ${shownUrl(url)} (${reason}). Start the bridge with \`npm run up\`, or give its address with --url.`,
    )
    this.name = 'NothingListensError'
  }
}

/** Codes of failures to connect that more tries of the same run will not change. */
const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'TIMEOUT'])

/**
 * Plays calls and tells what became of each webhook. Refusals and broken connections are entries, not errors.
 * @throws NothingListensError if the first connections fail and none has ever come about.
 * @throws RangeError for a flow that does not exist, or `rate` together with `speed`.
 */
export async function play(options: PlayOptions): Promise<Report> {
  const { rate, speed, timeoutMs = simotelTimeoutMs, giveUpAfterMs = 100, keepEntries = true } = options
  if (rate !== undefined && speed !== undefined) throw new RangeError('play: give rate or speed, not both')
  const plan = planOf({ ...options, ...seedOf(options) })
  const concurrency = options.concurrency ?? defaultConcurrency(options)
  const connections = Math.min(concurrency, plan.calls)
  const client = createClient({
    url: plan.url,
    connections,
    timeoutMs,
    giveUpAfterMs,
    credentials: options.credentials,
  })
  const tally = options.tally ?? createTally()
  const entries: SentWebhook[] = []
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  setMaxListeners(0, signal) // each paced call waits on it
  const calls = planCalls(plan)
  const startedAt = performance.now()
  const turn = turnsOf({ rate, speed }, startedAt, signal)
  let answered = false

  const deliver = async (webhook: PlannedWebhook): Promise<void> => {
    const reply = await client.send(webhook.request, { givesUp: webhook.givesUp })
    if (reply.kind !== 'error' || reply.connected) answered = true
    else if (!answered && unreachable.has(reply.code)) throw new NothingListensError(plan.url, reply.reason)
    const sent = sentOf(webhook, reply)
    tally.record(sent)
    if (keepEntries) entries.push(sent)
    options.onSent?.(sent)
  }

  const playCall = async (call: PlannedCall): Promise<void> => {
    for (const webhook of call.webhooks) {
      await turn(call.startsAt + webhook.t)
      if (signal.aborted) return
      await deliver(webhook)
    }
    tally.callDone()
  }

  const playOn = async (): Promise<void> => {
    for (let next = calls.next(); !next.done && !signal.aborted; next = calls.next()) await playCall(next.value)
  }

  try {
    await Promise.all(Array.from({ length: connections }, playOn))
  } finally {
    stop.abort()
    client.close()
  }
  return {
    ...tally.counts(performance.now() - startedAt),
    seed: plan.seed,
    baseTime: plan.baseTime,
    stopped: options.signal?.aborted ?? false,
    entries,
  }
}

/** Seed and base time of a run: what is given; a base time that follows from a given seed; else random and the present. */
export function seedOf(options: Pick<PlayOptions, 'seed' | 'baseTime'>): { seed: number; baseTime: number } {
  if (options.seed !== undefined) {
    return { seed: options.seed, baseTime: options.baseTime ?? baseTimeOf(options.seed) }
  }
  const seed = Math.floor(Math.random() * 4_294_967_296)
  return { seed, baseTime: options.baseTime ?? Math.floor(Date.now() / 1_000) }
}

export function defaultConcurrency(options: Pick<PlayOptions, 'rate' | 'speed'>): number {
  return options.rate === undefined && options.speed === undefined ? 32 : 256
}

/** Waits until a webhook planned for `t` seconds of call time may go. Returns early when `signal` aborts. */
function turnsOf(
  pace: { readonly rate: number | undefined; readonly speed: number | undefined },
  startedAt: number,
  signal: AbortSignal,
): (t: number) => Promise<void> {
  const until = async (moment: number): Promise<void> => {
    const ms = moment - performance.now()
    if (ms > 0 && !signal.aborted) await sleepFor(ms, undefined, { signal }).catch(() => {})
  }
  const { rate, speed } = pace
  if (speed !== undefined) return (t) => until(startedAt + (t * 1_000) / speed)
  if (rate === undefined) return async () => {}
  let next = startedAt
  return (_t) => {
    // Up to a second of delay is made good; more would come as a burst that nobody asked for.
    const mine = Math.max(next, performance.now() - 1_000)
    next = mine + 1_000 / rate
    return until(mine)
  }
}

function sentOf(webhook: PlannedWebhook, reply: Reply): SentWebhook {
  const { call, flow, name, kind, callId, lane, ordinal, repeated, form } = webhook
  const base = { call, flow, name, kind, callId, lane, ordinal, repeated, form, ms: reply.ms }
  if (reply.kind === 'gave-up') return { ...base, result: 'gave-up', eventId: null, status: null, reason: null }
  if (reply.kind === 'error') return { ...base, result: 'error', eventId: null, status: null, reason: reply.reason }
  const { status } = reply
  const answer = answerOf(reply.body)
  if (kind === 'component') {
    if (status === 422) return { ...base, result: 'expected', eventId: null, status, reason: null }
    const reason = `a component request got ${status}, not 422: its caller would wait for an answer that never comes`
    return { ...base, result: 'refused', eventId: answer.eventId, status, reason }
  }
  if (status >= 200 && status < 300) return { ...base, result: 'acked', eventId: answer.eventId, status, reason: null }
  const details = [`HTTP ${status}`, answer.code, answer.message, reply.location && `to ${reply.location}`]
  return {
    ...base,
    result: 'refused',
    eventId: null,
    status,
    reason: details
      .filter((detail) => detail)
      .join(' ')
      .slice(0, 300),
  }
}

/** What the bridge says in its answers; nulls for any other server's. */
function answerOf(body: string): { eventId: string | null; code: string | null; message: string | null } {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    answer = null
  }
  const text = (field: string) => {
    const value = typeof answer === 'object' && answer !== null ? Reflect.get(answer, field) : null
    return typeof value === 'string' ? value : null
  }
  return { eventId: text('eventId'), code: text('code'), message: text('message') }
}

/** An address as it may be printed: no credentials, and no query, which often holds a key. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search.length > 1 ? '?…' : ''}`
}
