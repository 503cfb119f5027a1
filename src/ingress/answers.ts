/**
 * What the ingress answers: small JSON texts, and one shape for every refusal,
 * `{"ok":false,"code":"BRIDGE_…","message":"…"}`. While draining, every answer closes its connection.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Report } from './report.ts'

const json = 'application/json; charset=utf-8'

/** A request that is answered with an error. `message` is for the person who reads the PBX's log: what is wrong, what to do. */
export type Refusal = {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends JSON text. */
export function answer(reply: FastifyReply, status: number, text: string): FastifyReply {
  if (reply.server.drain.isDraining) reply.header('connection', 'close')
  return reply.code(status).header('content-type', json).send(text)
}

/** Sends a refusal, with more fields if given. */
export function refuse(reply: FastifyReply, refusal: Refusal, more: Record<string, unknown> = {}): FastifyReply {
  if (refusal.headers !== undefined) reply.headers(refusal.headers)
  return answer(reply, refusal.status, refusalText(refusal, more))
}

/** The one error handler: what Fastify itself refuses, and what nobody expected. */
export function answerErrors(app: FastifyInstance, { log, report }: { log: Log; report: Report }): void {
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      report('too-large', request.ip, request.headers['content-length'] ?? 'chunked')
      // Closing at once would reset the connection under a client that is still sending, and hide the answer.
      // Node reads the rest away, no longer than requestTimeout.
      reply.removeHeader('connection')
      return refuse(reply, {
        status: 413,
        code: 'BRIDGE_BODY_TOO_LARGE',
        message: `The body is larger than ${app.initialConfig.bodyLimit} bytes, and no event is. Raise MAX_BODY_BYTES if yours is.`,
      })
    }
    const status = error.statusCode ?? 500
    if (status < 500) {
      report('unreadable', request.ip, error.code)
      return refuse(reply, badRequest(status, 'The request could not be read to its end.'))
    }
    report('failed', request.ip)
    log.error({ err: error }, 'request failed')
    return refuse(reply, { status: 500, code: 'BRIDGE_INTERNAL', message: 'The bridge failed; its log says why.' })
  })
}

/** Answers what is no HTTP request, or does not become one in time; there is no Fastify request for it yet. */
export function answerBrokenClients(report: Report): (error: ConnectionError, socket: Socket) => void {
  return (error, socket) => {
    const { code } = error
    if (code === 'ECONNRESET' || socket.destroyed) return void socket.destroy()
    const isSlow = code === 'ERR_HTTP_REQUEST_TIMEOUT'
    report(isSlow ? 'slow' : 'broken', socket.remoteAddress ?? 'unknown', code)
    const refusal = isSlow
      ? badRequest(408, 'The request did not arrive in time.')
      : code === 'HPE_HEADER_OVERFLOW'
        ? badRequest(431, 'The address and headers are too long; send the event as a POST.')
        : badRequest(400, 'This is not an HTTP/1.1 request.')
    const text = refusalText(refusal)
    const { _httpMessage } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null }
    if (socket.writable && !_httpMessage?.headersSent) {
      socket.write(
        `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\nContent-Type: ${json}\r\n` +
          `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
      )
    }
    socket.destroySoon()
  }
}

function badRequest(status: number, message: string): Refusal {
  return { status, code: 'BRIDGE_BAD_REQUEST', message }
}

function refusalText({ code, message }: Refusal, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ ok: false, code, message, ...more })
}
