/**
 * One request over HTTP the way Simotel sends it: no retry, five seconds, then the connection is closed.
 * Never rejects: whatever happens is a reply. Knows nothing of calls.
 */
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { WireRequest } from './wire.ts'

/** `client_api_caller_timeout` in simotel.ini; that it covers events is inferred. */
export const simotelTimeoutMs = 5_000

export type Credentials = { readonly user: string; readonly pass: string }

export type Reply =
  | {
      readonly kind: 'reply'
      readonly status: number
      readonly body: string
      readonly location: string
      readonly ms: number
    }
  /** The client closed the connection on purpose; what became of the request it does not know. */
  | { readonly kind: 'gave-up'; readonly ms: number }
  /** No reply. `connected` is false if no connection came about at all. */
  | {
      readonly kind: 'error'
      readonly code: string
      readonly reason: string
      readonly connected: boolean
      readonly ms: number
    }

export type Client = {
  send(request: WireRequest, options?: { readonly givesUp?: boolean }): Promise<Reply>
  /** Closes idle connections. */
  close(): void
}

/** A client for the host of `url` with at most `connections` open. `giveUpAfterMs` after the request is out, one that gives up closes. */
export function createClient(options: {
  readonly url: URL
  readonly connections: number
  readonly timeoutMs: number
  readonly giveUpAfterMs: number
  readonly credentials: Credentials | undefined
}): Client {
  const { url, timeoutMs, giveUpAfterMs, credentials } = options
  const secure = url.protocol === 'https:'
  const agent = new (secure ? HttpsAgent : HttpAgent)({
    keepAlive: true,
    maxSockets: options.connections,
    noDelay: true,
  })
  const target: RequestOptions = {
    // A URL writes an IPv6 address in brackets, a socket wants it without.
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (secure ? 443 : 80),
    agent,
    ...(credentials && { auth: `${credentials.user}:${credentials.pass}` }),
  }

  const send: Client['send'] = (wanted, { givesUp = false } = {}) =>
    new Promise((resolve) => {
      const startedAt = performance.now()
      let connected = false
      let leaves: NodeJS.Timeout | undefined
      const outgoing = (secure ? httpsRequest : httpRequest)({
        ...target,
        method: wanted.method,
        path: wanted.target,
        headers: headersOf(wanted),
      })
      const settle = (reply: (ms: number) => Reply) => {
        clearTimeout(limit)
        clearTimeout(leaves)
        resolve(reply(performance.now() - startedAt))
      }
      const fail = (code: string, reason: string) => settle((ms) => ({ kind: 'error', code, reason, connected, ms }))
      const limit = setTimeout(() => {
        fail('TIMEOUT', connected ? `no answer within ${timeoutMs} ms` : `no connection within ${timeoutMs} ms`)
        outgoing.destroy()
      }, timeoutMs)

      outgoing.on('socket', (socket) => {
        if (socket.connecting)
          socket.once('connect', () => {
            connected = true
          })
        else connected = true
      })
      if (givesUp) {
        outgoing.once('finish', () => {
          leaves = setTimeout(() => {
            settle((ms) => ({ kind: 'gave-up', ms }))
            outgoing.destroy()
          }, giveUpAfterMs)
        })
      }
      outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.name, reasonOf(error)))
      outgoing.on('response', (incoming) => {
        // One that gives up reads nothing: its connection must not go back to the others.
        if (givesUp) return
        let body = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (part: string) => {
          if (body.length < 65_536) body += part
        })
        incoming.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.name, reasonOf(error)))
        incoming.on('end', () =>
          settle((ms) => ({
            kind: 'reply',
            status: incoming.statusCode ?? 0,
            body,
            location: incoming.headers.location ?? '',
            ms,
          })),
        )
      })
      outgoing.end(wanted.body)
    })

  return { send, close: () => agent.destroy() }
}

function headersOf(wanted: WireRequest): Record<string, string | number> {
  const headers: Record<string, string | number> = { 'user-agent': 'simotel-bridge-simulator', accept: '*/*' }
  if (wanted.contentType !== '') headers['content-type'] = wanted.contentType
  if (wanted.method === 'POST') headers['content-length'] = Buffer.byteLength(wanted.body)
  return headers
}

/** `localhost` that resolves twice fails with an AggregateError whose own message is empty. */
function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each))).join(', ')
  }
  return error.message || (error.code ?? error.name)
}
