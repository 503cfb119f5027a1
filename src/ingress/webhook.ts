/**
 * The route: raw webhook -> event -> enqueue -> 200. The 200 goes out when `enqueue` has said that the event is
 * durable, and never before. Knows neither Redis nor the spool.
 */
import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Config, timeZoneOf } from '../config.ts'
import { BridgeError, EventRefusedError } from '../errors.ts'
import type { NewEvent, RawWebhook } from '../event/event.ts'
import { normalise } from '../event/normalise.ts'
import { takenAs } from '../event/taken.ts'
import type { Log } from '../log.ts'
import { maskNumbers } from '../mask.ts'
import type { ClaimEventId, Enqueue, Enqueued } from '../queue/lanes.ts'
import type { Access } from './access.ts'
import { answer, refuse } from './answers.ts'
import type { FirstContact } from './first-contact.ts'
import { createReader, pathBelow, targetOf } from './raw.ts'
import type { About, Report, Sight, Transport } from './report.ts'

/** The one URL that every path under WEBHOOK_PATH is routed to; see `rewriteUrl` in app.ts. */
export const webhookUrl = '/webhook'

/** The content type that every body is read as. */
export const typeOfBytes = 'application/octet-stream'

declare module 'fastify' {
  interface FastifyRequest {
    /** The Content-Type header as it came. */
    wireType: string
    /** When its headers were there, in milliseconds of a clock that never steps. */
    beganAt: number
  }
}

/** Where requests are counted, and the time to a 200, in milliseconds. */
export type Counts = {
  received(what: { readonly outcome: 'taken' | 'spooled' | 'duplicate' | Sight } & Partial<About>): void
  acked(tookMs: number): void
}

export type WebhookDeps = {
  readonly enqueue: Enqueue
  readonly claimEventId: ClaimEventId | undefined
  readonly config: Config['ingress']
  readonly access: Access
  readonly firstContact: FirstContact
  readonly report: Report
  readonly counts: Counts
  readonly log: Log
  readonly now: () => number
  readonly newEventId: () => string
}

export function webhookRoute(app: FastifyInstance, deps: WebhookDeps): void {
  const { enqueue, config, access, firstContact, report, counts, log, now, newEventId } = deps
  const read = createReader(config.sources)
  const claimEventId = config.duplicateWindowMs > 0 ? deps.claimEventId : undefined
  const { drain } = app

  app.decorateRequest('wireType', '')
  app.decorateRequest('beganAt', 0)
  app.route({
    method: ['GET', 'HEAD', 'POST'],
    url: webhookUrl,
    onRequest(request, reply, next) {
      request.beganAt = performance.now()
      const refusal = access(request)
      if (refusal !== undefined) {
        report(refusal.status === 403 ? 'forbidden' : 'unauthorized', request.ip)
        return void refuse(reply, refusal)
      }
      // Fastify answers 415 to a type it cannot read; every body is bytes here.
      const { headers } = request.raw
      request.wireType = headers['content-type'] ?? ''
      if (headers['content-type'] !== undefined) headers['content-type'] = typeOfBytes
      next()
    },
    async handler(request: FastifyRequest, reply: FastifyReply) {
      const { path, query } = targetOf(request.originalUrl)
      const below = pathBelow(config.webhookPath, path) ?? '/'
      const { source, raw } = read(request.method, below, query, request.wireType, request.body as Buffer | undefined)
      if (raw.method !== 'POST' && isEmpty(raw)) {
        report('opened', request.ip)
        return answer(reply, 200, '{"ok":true}')
      }
      if (raw.method === 'HEAD') return refuseMethod(reply)

      const receivedMs = now()
      drain.inFlight++
      try {
        const own = newEventId()
        const eventId = claimEventId === undefined ? own : await firstOrOwn(claimEventId, source, raw, own)
        const timeZone = timeZoneOf(config.timeZones, source)
        const normalised = normalise(raw, { eventId, source, receivedAt: new Date(receivedMs), timeZone })
        if (normalised.kind === 'component') {
          report('component', request.ip, normalised.appName)
          return refuse(reply, component)
        }
        const { event } = normalised
        const about = { event: event.name, transport: transportOf(raw) }
        let enqueued: Enqueued
        try {
          enqueued = await enqueue(event)
        } catch (error) {
          report(error instanceof EventRefusedError ? 'refused' : 'unavailable', request.ip, undefined, about)
          logLost(log, event, error)
          return refuse(reply, unavailable)
        }
        counts.received({ outcome: takenAs(enqueued), ...about })
        counts.acked(performance.now() - request.beganAt)
        firstContact.acked(event, () => request.ip)
        if (log.isLevelEnabled('debug')) {
          log.debug({ ...fields(event), source, durationMs: now() - receivedMs }, 'webhook acked')
        }
        // Not returned: it is sent, and Fastify would wait for that once more.
        return void answer(reply, 200, `{"ok":true,"eventId":"${event.eventId}"}`)
      } finally {
        drain.inFlight--
      }
    },
  })
}

/** 405 for what is under WEBHOOK_PATH and neither GET nor POST. */
export function refuseMethod(reply: FastifyReply): FastifyReply {
  return refuse(reply, methodNotAllowed)
}

/** The event id under which this delivery is taken: the one of the same bytes within DUPLICATE_WINDOW_MS, else its own. */
async function firstOrOwn(claim: ClaimEventId, source: string, raw: RawWebhook, own: string): Promise<string> {
  const text = JSON.stringify([source, raw.method, raw.path, raw.query, raw.contentType, raw.body])
  try {
    return await claim(hash('sha256', text, 'base64url'), own)
  } catch {
    // Rather an event twice than none: without Redis nobody knows whether it came before.
    return own
  }
}

function isEmpty({ path, query, body }: RawWebhook): boolean {
  return body === '' && query === '' && /^\/*$/.test(path)
}

function transportOf({ method, contentType, body }: RawWebhook): Transport {
  if (body === '') return method === 'POST' ? 'form' : 'get'
  if (/^\s*[[{]/.test(body)) return 'json'
  return /^application\/x-www-form-urlencoded/i.test(contentType) || /^[^\s=&]+=/.test(body) ? 'form' : 'other'
}

/** The log is all that is left of an event that nobody could take. */
function logLost(log: Log, event: NewEvent, error: unknown): void {
  const why = error instanceof BridgeError ? { code: error.code, error: maskNumbers(error.message) } : { err: error }
  log.error({ ...fields(event), source: event.source, ...why }, 'event lost: it could not be kept, answered 503')
}

function fields({ eventId, name, lane, callId }: NewEvent) {
  return { eventId, event: name, lane: maskNumbers(lane), callId }
}

const component = {
  status: 422,
  code: 'BRIDGE_COMPONENT_REQUEST',
  message:
    'This is a dialplan component asking for an answer, not an event, and the bridge has none to give: ' +
    'enter the address of your own service in the component, and this one only under Event Webhooks.',
} as const
const unavailable = {
  status: 503,
  code: 'BRIDGE_UNAVAILABLE',
  message: 'The event could not be kept; send it again. The log of the ingress says why.',
  headers: { 'retry-after': '5' },
} as const
const methodNotAllowed = {
  status: 405,
  code: 'BRIDGE_METHOD_NOT_ALLOWED',
  message: 'Send events as GET or POST.',
  headers: { allow: 'GET, HEAD, POST' },
} as const
