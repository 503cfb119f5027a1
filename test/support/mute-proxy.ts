/**
 * A TCP proxy that can go mute: it accepts and says nothing more, as a firewall does that drops packets.
 */
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { freePort } from './redis.ts'

export type MuteProxy = {
  readonly url: string
  mute(): void
  /** Passes everything on again, what was held back included. */
  speak(): void
}

/** Starts it before the server on `target`; ends with the test. */
export async function startMuteProxy(t: TestContext, target: number, isMute = false): Promise<MuteProxy> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  const join = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    if (isMute) from.pause()
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    join(client, upstream)
    join(upstream, client)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    mute() {
      isMute = true
      for (const socket of sockets) socket.pause()
    },
    speak() {
      isMute = false
      for (const socket of sockets) socket.resume()
    },
  }
}
