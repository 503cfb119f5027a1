/**
 * Closing without losing a webhook: what arrives until the port is shut gets its answer; nobody gets a 503 or a reset
 * for the closing. Fastify's own close does neither (FAULTS.md section 4).
 */
import cluster from 'node:cluster'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket, Server as TcpServer } from 'node:net'
import { platform } from 'node:os'
import { setImmediate as loopTurn, setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** What closing needs to know of the requests. */
export type Drain = {
  /** Set once: every answer from now on asks the client to close its connection. */
  isDraining: boolean
  /** Requests that are with `enqueue` and have no answer yet. */
  inFlight: number
  /** Connections accepted so far. */
  accepted: number
  /** The latest answer on each open connection that has been asked something. */
  readonly answers: Map<Socket, ServerResponse>
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly drain: Drain
  }
}

/** Lets the app be closed by `closeIngress`. */
export function watchConnections(app: FastifyInstance): void {
  const drain: Drain = { isDraining: false, inFlight: 0, accepted: 0, answers: new Map() }
  app.decorate('drain', drain)
  app.server.on('connection', (socket: Socket) => {
    drain.accepted++
    socket.once('close', () => drain.answers.delete(socket))
  })
  app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    drain.answers.set(socket, response)
  })
}

export type CloseOptions = {
  /** What the whole may take, in milliseconds; the other two are at most a quarter and a half of it. Default 25,000. */
  readonly limitMs?: number
  /**
   * How long the port stays open and kept-alive connections are left for their next request, so that its answer can close them.
   * Default 2,000 ms; not so long if no connection is left.
   */
  readonly patienceMs?: number
  /** After that, connections without a whole request are cut; a request that is being enqueued is waited for. Default 3,500 ms. */
  readonly deadlineMs?: number
}

/**
 * Closes the app. Resolves when every connection is gone and the app's close hooks have run: within `deadlineMs`, or
 * as long as `enqueue` takes. Safe to call on an app that never listened.
 */
export async function closeIngress(
  app: FastifyInstance,
  {
    limitMs = 25_000,
    patienceMs = Math.min(2_000, limitMs / 4),
    deadlineMs = Math.min(3_500, limitMs / 2),
  }: CloseOptions = {},
): Promise<void> {
  const { drain, server } = app
  const end = performance.now() + deadlineMs
  drain.isDraining = true
  if (server.listening) {
    await untilUnused(app, performance.now() + Math.min(patienceMs, deadlineMs))
    const plug = await untilNoneIsWaiting(app, end)
    let isClosed = false
    // Not the http server's own close: it also ends connections that it takes for idle, and from Node 24 on that is
    // one whose first request is still on its way, too.
    const closed = new Promise<void>((resolve) => TcpServer.prototype.close.call(server, () => resolve())).then(() => {
      isClosed = true
    })
    plug?.destroy()
    // Those that have their answer had their time for one more request; the others still have one coming.
    for (const [socket, { writableFinished }] of drain.answers) if (writableFinished) socket.end()
    const cut = async () => {
      while (!isClosed && (performance.now() < end || drain.inFlight > 0)) await pause(5)
      server.closeAllConnections()
    }
    await Promise.all([closed, cut()])
  }
  await app.close()
}

async function untilUnused(app: FastifyInstance, end: number): Promise<void> {
  const open = () =>
    new Promise<number>((resolve) => app.server.getConnections((error, count) => resolve(error === null ? count : 0)))
  while ((await open()) > 0 && performance.now() < end) await pause(5)
}

/**
 * Connections that the kernel has taken and Node has not are reset when the port shuts. So it is shut right after a look that
 * found none; and on Linux while nothing can come in between, however busy the machine is: the backlog is cut to one place, and
 * a connection of our own is in it. Who comes now is not refused but asked by the kernel to wait: a second later it finds
 * another listener, or none. The port must be shut before the loop turns again; the connection is the caller's to destroy.
 */
async function untilNoneIsWaiting({ drain, server }: FastifyInstance, end: number): Promise<Socket | undefined> {
  const { _handle: listener } = server as TcpServer & { readonly _handle?: { listen?(backlog: number): number } }
  const address = server.address()
  // In a cluster the primary keeps the port, and what one worker leaves there another gets.
  const canPlug = platform() === 'linux' && !cluster.isWorker && address !== null && typeof address === 'object'
  // Node's own listen has no way to change the backlog later.
  const isCut = canPlug && listener?.listen?.(0) === 0
  while (performance.now() < end) {
    await untilBacklogIsEmpty(drain, end)
    if (!isCut) return undefined
    const plug = connect(address.port, { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.address] ?? address.address)
    plug.on('error', () => {})
    // It asks the kernel at the next tick, which answers at once.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (isConnected(plug)) return plug
    // Somebody else was faster, and is served.
    plug.destroy()
  }
  return undefined
}

/** Asks the kernel: Node learns of it only when the loop turns. */
function isConnected(socket: Socket): boolean {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { getpeername?(into: object): number } | null }
  return handle?.getpeername?.({}) === 0
}

async function untilBacklogIsEmpty(drain: Drain, end: number): Promise<void> {
  let quietTurns = 0
  while (quietTurns < 2 && performance.now() < end) {
    const before = drain.accepted
    await loopTurn()
    quietTurns = drain.accepted === before ? quietTurns + 1 : 0
  }
}
