/**
 * Each process has a part of SPOOL_DIR, a folder of its own, and takes over those of the dead. Taking over is one rename into
 * one's own part: of two adopters one wins, and when the adopter dies in turn, all it held goes on with its part.
 *
 *   part-<id>/                   a living or dead process' part: owner.sock, cursor, segments
 *     adopted-00000001-<id>/     a part taken over, in the order in which they must drain
 *     claimed-<id>/              one just taken, not yet in its place among the adopted; comes after them
 *   making-<id>/                 a part before its socket listens
 *   quarantine/                  see quarantine.ts
 *   reserve                      room for the next part, should the disk be full
 */
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { v7 } from 'uuid'
import type { Log } from '../log.ts'
import { codeOf, folderMode, replaceFile, syncFolder } from './disk.ts'
import { isOwnerDead, listenAsOwner, type OwnerSocket } from './owner-socket.ts'

export type Part = {
  readonly id: string
  readonly dir: string
  /** No longer alive, as far as others can tell: they may adopt what is left. */
  release(): Promise<void>
}

export type Adopted = { readonly id: string; readonly dir: string }

/** Makes a part of this process' own. Throws what the disk says, if it cannot be. */
export async function createPart(spoolDir: string, log: Log): Promise<Part> {
  // Absolute: a process may change its folder, and logs should name the place.
  const root = resolve(spoolDir)
  for (let tries = 1; ; tries += 1) {
    const id = v7()
    const making = join(root, `making-${id}`)
    const dir = join(root, `part-${id}`)
    try {
      await mkdir(root, { recursive: true, mode: folderMode })
      await mkdir(making, { mode: folderMode })
      const socket = await listen(making, log)
      await rename(making, dir)
      await syncFolder(root)
      return { id, dir, release: async () => await socket?.close() }
    } catch (error) {
      await rm(making, { recursive: true, force: true }).catch(() => {})
      const code = codeOf(error)
      // ENOENT: another process took it for a leftover, or removed what it left empty.
      const canHelp = code === 'ENOENT' || (code === 'ENOSPC' && (await giveReserve(root)))
      if (!canHelp || tries === 5) throw error
    }
  }
}

/** On a disk that dead processes filled, room for the part of the one that will drain it. */
const reserveBytes = 65_536

/** Puts some room aside, if there is none aside yet and the disk has it. */
export async function keepReserve(spoolDir: string): Promise<void> {
  const path = join(spoolDir, 'reserve')
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size < reserveBytes) await replaceFile(path, Buffer.alloc(reserveBytes), false)
}

/** Removes an empty part, and what is around it if no other process has anything there. */
export async function removePart(spoolDir: string, part: string): Promise<void> {
  const root = resolve(spoolDir)
  await rm(part, { recursive: true, force: true })
  const names = await readdir(root)
  if (names.some((name) => name !== 'reserve')) return
  await giveReserve(root)
  // It stays if it is a mount point, or if somebody has just begun to use it.
  await rmdir(root).catch(() => {})
}

async function giveReserve(root: string): Promise<boolean> {
  return await rm(join(root, 'reserve')).then(
    () => true,
    () => false,
  )
}

/** Without a socket others will take this process for dead, and it will notice: nothing is lost, but order between the two is. */
async function listen(dir: string, log: Log): Promise<OwnerSocket | undefined> {
  try {
    return await listenAsOwner(dir)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error
    log.warn(
      { err: error, dir },
      'SPOOL_DIR holds no sockets, use a local disk: other processes take this one for dead',
    )
    return undefined
  }
}

/** Folders of parts whose owner is dead, the oldest first. Removes what processes left that died while they made theirs. */
export async function findDead(spoolDir: string, own: string): Promise<string[]> {
  const root = resolve(spoolDir)
  const dead: string[] = []
  for (const name of (await readdir(root)).sort()) {
    const dir = join(root, name)
    if (dir === own || !/^(part|making)-/.test(name) || !(await isOwnerDead(dir))) continue
    if (name.startsWith('part-')) dead.push(dir)
    else await rm(dir, { recursive: true, force: true })
  }
  return dead
}

/** Takes over the part in `dir`; false if another process was faster. `adoptedBy` tells what has to drain then. */
export async function claim(dir: string, own: string): Promise<boolean> {
  try {
    await rename(dir, join(own, `claimed-${idOf(dir)}`))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  await syncFolder(own)
  return true
}

/** All parts that `own` has taken over and not removed yet, in the order in which they must drain. */
export async function adoptedBy(own: string): Promise<Adopted[]> {
  const held = (await readdir(own)).filter((name) => name.startsWith('adopted-')).sort()
  let last = Number(/\d{8}/.exec(held.at(-1) ?? '')?.[0] ?? 0)

  /** Its adopted parts first, in their order, then the part itself; goes on wherever that was interrupted. */
  async function placeAll(claimed: string): Promise<void> {
    for (const name of (await readdir(claimed)).sort()) {
      if (name.startsWith('claimed-')) await placeAll(join(claimed, name))
      if (name.startsWith('adopted-')) await place(join(claimed, name))
    }
    await place(claimed)
  }

  async function place(from: string): Promise<void> {
    last += 1
    const name = `adopted-${String(last).padStart(8, '0')}-${idOf(from)}`
    await rename(from, join(own, name))
    held.push(name)
  }

  for (const name of await readdir(own)) if (name.startsWith('claimed-')) await placeAll(join(own, name))
  return held.map((name) => ({ id: idOf(name), dir: join(own, name) }))
}

/** The id with which a part was made stays with it. */
function idOf(dir: string): string {
  return basename(dir).replace(/^(part|claimed|adopted-\d{8})-/, '')
}
