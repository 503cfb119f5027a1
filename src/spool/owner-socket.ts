/**
 * Who is alive, told by the kernel and not by a clock: the owner of a part listens on a Unix socket in its folder. Such a
 * socket accepts while its owner is merely stopped, and refuses from the moment the owner is dead.
 */
import { type FileHandle, mkdtemp, open, rm, symlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf } from './disk.ts'

const socketName = 'owner.sock'
/** The smallest limit of a socket's path among the systems we know is 104 bytes, its final zero included (macOS; Linux 108). */
const longestPath = 100

export type OwnerSocket = { close(): Promise<void> }

/** Listens in `dir` until closed or this process is dead. Keeps no process alive. */
export async function listenAsOwner(dir: string): Promise<OwnerSocket> {
  const route = await shortRoute(dir)
  const server: Server = createServer((socket) => socket.destroy())
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Exclusive: in a cluster the primary would listen instead, along a path that leads elsewhere there, and outlive the owner.
      server.listen({ path: route.path, exclusive: true }, resolve)
    })
  } catch (error) {
    await route.close()
    throw error
  }
  server.unref()
  server.on('error', () => {})
  return {
    async close() {
      await new Promise<void>((resolve) => server.close(() => resolve()))
      // Not earlier: closing the server unlinks its path, and the path leads through this.
      await route.close()
    },
  }
}

/**
 * Whether the owner of the part in `dir` is dead, or closed it. Anything but a clear refusal is life: a part taken too late
 * costs time, one taken too early costs order.
 */
export async function isOwnerDead(dir: string): Promise<boolean> {
  let route: Route
  try {
    route = await shortRoute(dir)
  } catch {
    return false
  }
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect(route.path)
    socket.once('connect', () => resolve(undefined))
    socket.once('error', (error) => resolve(codeOf(error) ?? 'unknown'))
    socket.once('close', () => resolve(undefined))
    socket.on('connect', () => socket.destroy())
  })
  await route.close()
  return code === 'ECONNREFUSED' || code === 'ENOENT'
}

type Route = { readonly path: string; close(): Promise<void> }

/** A path to the socket of `dir` that is short enough for the system, however long `dir` is. Close it when done. */
async function shortRoute(dir: string): Promise<Route> {
  const path = join(dir, socketName)
  if (Buffer.byteLength(path) <= longestPath) return { path, close: async () => {} }
  if (platform() === 'linux') {
    const handle: FileHandle = await open(dir, 'r')
    return { path: `/proc/self/fd/${handle.fd}/${socketName}`, close: () => handle.close() }
  }
  const folder = await mkdtemp(join(tmpdir(), 'spool-'))
  const link = join(folder, 'd')
  await symlink(dir, link)
  return { path: join(link, socketName), close: () => rm(folder, { recursive: true, force: true }) }
}
