/**
 * Spans on their way to a collector: gathered, and posted as OTLP/JSON in batches. What cannot be sent waits, up to a bound, and
 * then is dropped. Knows nothing of events.
 */
import { randomBytes } from 'node:crypto'
import type { Log } from './log.ts'

/** What is said of a span beside its times. */
export type Values = Readonly<Record<string, string | number | boolean>>

export type Span = {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits, random by default. */
  readonly spanId?: string
  readonly parentSpanId?: string
  readonly name: string
  /** Of OTLP: 2 is a server, 5 a consumer. */
  readonly kind: 2 | 5
  /** Epoch milliseconds. */
  readonly beganAt: number
  readonly endedAt: number
  readonly isError: boolean
  readonly values: Values
}

export type SenderOptions = {
  /** Where spans are posted. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** What process this is. */
  readonly identity: { readonly kind: string; readonly id: string; readonly version: string; readonly host: string }
  readonly log: Log
  /** How long spans are gathered before they are sent, in milliseconds. Default 1,000. */
  readonly everyMs?: number
  /** How long after a failed sending the next one is tried, in milliseconds. Default 5,000. */
  readonly againMs?: number
}

export type Sender = {
  /** Returns at once and never throws. */
  take(span: Span): void
  /** Sends what is left, for a second at most. Never rejects. */
  close(): Promise<void>
}

/** Spans that wait at most: a collector that is away must cost no memory. */
const maxWaiting = 4_096
const maxBatch = 512
const postLimitMs = 5_000
const closeLimitMs = 1_000

/** A sender; one post at a time. */
export function createSender(options: SenderOptions): Sender {
  const { url, headers, identity, log, everyMs = 1_000, againMs = 5_000 } = options
  const resource = {
    attributes: attributesOf({
      'service.namespace': 'simotel-bridge',
      'service.name': `simotel-bridge-${identity.kind}`,
      'service.version': identity.version,
      'service.instance.id': identity.id,
      'host.name': identity.host,
    }),
  }
  const waiting: Span[] = []
  const closing = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let isClosed = false
  let isFailing = false
  let dropped = 0

  const schedule = (inMs: number) => {
    if (!isClosed) timer ??= setTimeout(() => void flush(), inMs).unref()
  }

  /** True if the collector has them, or will never take them. */
  const post = async (spans: readonly Span[]): Promise<boolean> => {
    const scope = { name: 'simotel-bridge', version: identity.version }
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.map(wireOf) }] }] })
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(postLimitMs), closing.signal])
      const type = { 'content-type': 'application/json' }
      // A redirect would take the headers, and so a key, elsewhere.
      const reply = await fetch(url, {
        method: 'POST',
        headers: { ...headers, ...type },
        body,
        signal,
        redirect: 'error',
      })
      await reply.body?.cancel()
      if (reply.ok) {
        if (isFailing) log.info({ dropped }, 'traces are sent again')
        isFailing = false
        dropped = 0
        return true
      }
      failed(`the collector answered ${reply.status}`)
      const mayTakeLater = reply.status >= 500 || reply.status === 408 || reply.status === 429
      if (!mayTakeLater) dropped += spans.length
      return !mayTakeLater
    } catch (error) {
      failed(reasonOf(error))
      return false
    }
  }

  const failed = (why: string) => {
    if (!isFailing) log.warn({ why }, 'traces cannot be sent, trying again; events are not concerned')
    isFailing = true
  }

  const sendAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxBatch)
      if (await post(batch)) continue
      waiting.unshift(...batch)
      return schedule(againMs)
    }
  }

  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    underWay ??= sendAll().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  return {
    take(span) {
      if (waiting.length >= maxWaiting) dropped += 1
      else waiting.push(span)
      schedule(everyMs)
    },
    async close() {
      isClosed = true
      const limit = setTimeout(() => closing.abort(), closeLimitMs)
      await underWay
      await flush()
      clearTimeout(limit)
    },
  }
}

function wireOf({ traceId, spanId, parentSpanId, name, kind, beganAt, endedAt, isError, values }: Span) {
  return {
    traceId,
    spanId: spanId ?? randomBytes(8).toString('hex'),
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind,
    startTimeUnixNano: nanos(beganAt),
    // Of two clocks that disagree no span may end before it began.
    endTimeUnixNano: nanos(Math.max(beganAt, endedAt)),
    attributes: attributesOf(values),
    // 2 is an error, 0 says nothing.
    status: { code: isError ? 2 : 0 },
  }
}

function attributesOf(values: Values) {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { intValue: String(value) },
  }))
}

const nanos = (ms: number): string => `${BigInt(Math.round(ms)) * 1_000_000n}`

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return error instanceof Error ? error.message : String(error)
}
