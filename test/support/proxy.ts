/**
 * A TCP proxy before a Redis that can break a connection in the moment of one request.
 */
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { freePort, lastAtEnd } from './redis.ts'

/** `request`: the request never arrives. `answer`: it does, and its answer never comes back. Both end the connection. */
export type Cut = 'request' | 'answer'

export type Proxy = {
  readonly url: string
  /** Breaks the connection at the next request that holds `text`; resolves when it has. */
  cutAt(text: string, cut: Cut): Promise<void>
  /** Breaks every connection now. */
  cutAll(): void
}

export async function startProxy(t: TestContext, redisUrl: string): Promise<Proxy> {
  const { hostname, port: redisPort } = new URL(redisUrl)
  const port = await freePort()
  const sockets = new Set<Socket>()
  let trap: { text: string; cut: Cut; done: () => void } | undefined

  const server = createServer((client) => {
    const upstream = connect(Number(redisPort), hostname)
    let isMute = false
    const end = () => {
      client.destroy()
      upstream.destroy()
      sockets.delete(client)
    }
    sockets.add(client)
    for (const socket of [client, upstream]) {
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (chunk) => {
      const hit = trap !== undefined && chunk.includes(trap.text) ? trap : undefined
      if (hit === undefined) return void upstream.write(chunk)
      trap = undefined
      if (hit.cut === 'request') {
        end()
        return hit.done()
      }
      isMute = true
      // Redis has run the request when its answer comes.
      upstream.once('data', () => {
        end()
        hit.done()
      })
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!isMute) client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  const url = `redis://127.0.0.1:${port}`
  lastAtEnd(t, url, async () => {
    server.close()
    cutAll()
  })
  return {
    url,
    cutAll,
    cutAt: (text, cut) =>
      new Promise<void>((resolve) => {
        trap = { text, cut, done: resolve }
      }),
  }
}
