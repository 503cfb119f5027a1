/**
 * Traces, off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: a span for each webhook and each attempt, sent as OTLP/JSON over HTTP.
 * An event id is a trace id, so that nothing has to travel with the event. A span holds no number, no call, no payload, no
 * address and no text of an error. Knows neither HTTP in nor Redis; main wraps `enqueue` and `run` in it.
 */
import { hash } from 'node:crypto'
import type { Config } from './config.ts'
import type { Event, NewEvent } from './event/event.ts'
import type { Attempt, Outcome } from './event/outcome.ts'
import { takenAs } from './event/taken.ts'
import { createSender, type SenderOptions, type Values } from './otlp.ts'

type Enqueue<A> = (event: NewEvent) => Promise<A>
type Run = (event: Event, attempt: Attempt) => Promise<Outcome>

export type Tracing = {
  /** Tells of every event from its receipt until it is durable, or refused; is otherwise the same. */
  traceWebhooks<A extends { readonly isNew: boolean; readonly sequence: number }>(enqueue: Enqueue<A>): Enqueue<A>
  /** Tells of every attempt; is otherwise the same. A put-back for a processor's concurrency is no attempt. */
  traceAttempts(run: Run): Run
  /** Sends what is left, for a second at most. Never rejects. */
  close(): Promise<void>
}

export type TracingOptions = Pick<SenderOptions, 'identity' | 'log' | 'everyMs' | 'againMs'> & {
  readonly config: Config['tracing']
  /** Epoch milliseconds; the clock by default. */
  readonly now?: () => number
}

/** The tracing of this process. Without an endpoint it hands back what it is given, and costs nothing. */
export function openTracing({ config, identity, log, now = Date.now, ...times }: TracingOptions): Tracing {
  if (config.endpoint === undefined) {
    return { traceWebhooks: (enqueue) => enqueue, traceAttempts: (run) => run, async close() {} }
  }
  const sender = createSender({ url: `${config.endpoint}/v1/traces`, headers: config.headers, identity, log, ...times })
  return {
    traceWebhooks: (enqueue) => async (event) => {
      const { eventId, receivedAt } = event
      const tell = (outcome: string, isError: boolean, isFirst: boolean) =>
        sender.take({
          traceId: traceIdOf(eventId),
          // Of a repeated delivery the first one is the parent.
          ...(isFirst ? { spanId: webhookSpanId(eventId) } : { parentSpanId: webhookSpanId(eventId) }),
          name: 'webhook',
          kind: 2,
          beganAt: receivedAt.getTime(),
          endedAt: now(),
          isError,
          values: { ...valuesOf(event), 'bridge.outcome': outcome },
        })
      try {
        const enqueued = await enqueue(event)
        tell(takenAs(enqueued), false, enqueued.isNew)
        return enqueued
      } catch (error) {
        tell('refused', true, true)
        throw error
      }
    },
    traceAttempts: (run) => async (event, attempt) => {
      const beganAt = now()
      const outcome = await run(event, attempt)
      if (outcome.status === 'later' && outcome.cause === 'ceiling') return outcome
      sender.take({
        traceId: traceIdOf(event.eventId),
        parentSpanId: webhookSpanId(event.eventId),
        name: 'attempt',
        kind: 5,
        beganAt,
        endedAt: now(),
        isError: outcome.status === 'retry' || outcome.status === 'dead',
        values: {
          ...valuesOf(event),
          'bridge.outcome': outcome.status,
          'bridge.attempt': attempt.attempt,
          'bridge.run': attempt.run,
          'bridge.replayed': event.replayOf !== undefined,
        },
      })
      return outcome
    },
    close: sender.close,
  }
}

function valuesOf({ name, eventId, source }: NewEvent): Values {
  return { 'bridge.event': name, 'bridge.event_id': eventId, 'bridge.source': source }
}

/** The event id without its dashes: both are 16 bytes. An id of another form is digested. */
function traceIdOf(eventId: string): string {
  const hex = eventId.replaceAll('-', '').toLowerCase()
  return /^[0-9a-f]{32}$/.test(hex) ? hex : hash('sha256', eventId).slice(0, 32)
}

/** The second half, which is the random one: every process knows it without being told. */
const webhookSpanId = (eventId: string): string => traceIdOf(eventId).slice(16)
