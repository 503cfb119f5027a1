/**
 * A small HTTP server of its own for METRICS_PORT: `/healthz` and `/readyz` of a process that serves nothing else
 * there. `/metrics` joins it. Knows neither Redis nor Fastify.
 */
import { createServer } from 'node:http'
import { ConfigError } from './errors.ts'
import type { Log } from './log.ts'

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
  readonly log: Log
}

/**
 * Listens; resolves once it does.
 * @throws ConfigError if the port cannot be had.
 */
export async function startProbes({ port, host = '0.0.0.0', ready, log }: ProbeOptions): Promise<Probes> {
  const server = createServer((request, response) => {
    const { status, body } = probe(request.url ?? '', ready)
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body))
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

function probe(url: string, ready: () => Readiness): { status: number; body: Record<string, unknown> } {
  const path = url.split('?')[0]
  if (path === '/healthz') return { status: 200, body: { ok: true } }
  if (path === '/readyz') {
    const { ready: isReady, state } = ready()
    if (isReady) return { status: 200, body: { ok: true, ...state } }
    const message = 'This process cannot work now; its state says why.'
    return { status: 503, body: { ok: false, code: 'BRIDGE_UNAVAILABLE', message, ...state } }
  }
  const message = 'Nothing is here. This port serves /healthz and /readyz.'
  return { status: 404, body: { ok: false, code: 'BRIDGE_NOT_FOUND', message } }
}
