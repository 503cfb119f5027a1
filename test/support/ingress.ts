/**
 * An ingress for tests: the real app over an `enqueue` that records, and a raw socket to speak to it.
 */
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { loadConfig } from '../../src/config.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { buildIngress, type IngressDeps } from '../../src/ingress/app.ts'
import { closeIngress } from '../../src/ingress/closing.ts'
import { createLog } from '../../src/log.ts'
import type { Enqueue } from '../../src/queue/lanes.ts'

export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown }

export type TestIngress = {
  readonly app: FastifyInstance
  /** Every event that was enqueued, in order. */
  readonly events: NewEvent[]
  readonly lines: LogLine[]
}

/** An ingress with these settings (as in the environment), closed when the test ends. */
export function testIngress(
  t: TestContext,
  env: Record<string, string> = {},
  deps: Partial<IngressDeps> = {},
): TestIngress {
  const events: NewEvent[] = []
  const lines: LogLine[] = []
  const enqueue: Enqueue = async (event) => {
    events.push(event)
    return { eventId: event.eventId, sequence: events.length, isNew: true }
  }
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const redisState = () => ({ ready: true, detail: 'ready' })
  const spoolState = () => ({ ready: false, detail: 'none' })
  const config = loadConfig({ INGRESS_HOST: '127.0.0.1', INGRESS_PORT: '0', ...env }).ingress
  const app = buildIngress({ enqueue, redisState, spoolState, config, log, ...deps })
  t.after(() => closeIngress(app, { patienceMs: 0, deadlineMs: 100 }))
  return { app, events, lines }
}

/** Listens on a free port of 127.0.0.1 and gives it. */
export async function listen(app: FastifyInstance): Promise<number> {
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

export type Wire = {
  readonly socket: Socket
  /** All that was received so far. */
  received(): string
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>
  /** The error the socket ended with, if any. */
  error(): Error | undefined
}

/** A raw connection: sends `text` (or bytes) as they are. */
export async function wire(t: TestContext, port: number, text: string | Buffer = ''): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  let received = ''
  let failure: Error | undefined
  socket.setEncoding('utf8').on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', (error) => {
    failure = error
  })
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()))
  socket.write(text)
  return { socket, received: () => received, closed, error: () => failure }
}
