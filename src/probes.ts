/**
 * A small HTTP server of its own for METRICS_PORT: `/healthz`, `/readyz` and `/metrics` of a process. Knows neither Redis nor
 * Fastify, nor what the metrics are.
 */
import { createServer } from 'node:http'
import { ConfigError } from './errors.ts'
import type { Log } from './log.ts'

const json = 'application/json; charset=utf-8'

/** Whether the process can do its work, and the state that says why; shown to whoever asks, so nothing secret in it. */
export type Readiness = { readonly ready: boolean; readonly state: Readonly<Record<string, unknown>> }

export type Probes = {
  /** The port listened on; differs from the one asked for if that was 0. */
  readonly port: number
  close(): Promise<void>
}

export type ProbeOptions = {
  readonly port: number
  /** Default 0.0.0.0. */
  readonly host?: string
  readonly ready: () => Readiness
  /** What `/metrics` serves. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  readonly log: Log
}

/**
 * Listens; resolves once it does.
 * @throws ConfigError if the port cannot be had.
 */
export async function startProbes({ port, host = '0.0.0.0', ready, metrics, log }: ProbeOptions): Promise<Probes> {
  const server = createServer((request, response) => {
    const send = (status: number, type: string, text: string) => {
      response.writeHead(status, { 'content-type': type })
      response.end(request.method === 'HEAD' ? undefined : text)
    }
    const path = request.url?.split('?')[0]
    if (path !== '/metrics') {
      const { status, body } = probe(path, ready)
      return send(status, json, JSON.stringify(body))
    }
    metrics.text().then(
      (text) => send(200, metrics.contentType, text),
      (err) => {
        log.error({ err }, 'metrics cannot be read')
        send(500, json, JSON.stringify({ ok: false, code: 'BRIDGE_INTERNAL', message: 'Its log says why.' }))
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen('METRICS_PORT', host, port, error)))
    server.listen(port, host, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', (err) => log.error({ err }, 'probes failed'))
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** One sentence instead of EADDRINUSE and its kin, naming the setting to change. */
export function cannotListen(setting: string, host: string, port: number, error: unknown): ConfigError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  const why =
    {
      EADDRINUSE: `another process listens on ${host}:${port}. Stop it, or set another ${setting}.`,
      EACCES: `this user may not listen on port ${port}. Set ${setting} to one above 1023.`,
      EADDRNOTAVAIL: `this machine has no address ${host}. Set the host to 0.0.0.0 or to one of its own.`,
    }[code] ?? `${host}:${port} cannot be listened on (${code}).`
  return new ConfigError([`${setting}=${port}: ${why}`])
}

function probe(path: string | undefined, ready: () => Readiness): { status: number; body: Record<string, unknown> } {
  if (path === '/healthz') return { status: 200, body: { ok: true } }
  if (path === '/readyz') {
    const { ready: isReady, state } = ready()
    if (isReady) return { status: 200, body: { ok: true, ...state } }
    const message = 'This process cannot work now; its state says why.'
    return { status: 503, body: { ok: false, code: 'BRIDGE_UNAVAILABLE', message, ...state } }
  }
  const message = 'Nothing is here. This port serves /healthz, /readyz and /metrics.'
  return { status: 404, body: { ok: false, code: 'BRIDGE_NOT_FOUND', message } }
}
