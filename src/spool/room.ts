/**
 * Whether there is room: bytes against the cap, and whether the disk takes what is written. Refuses loudly, and finds out by
 * itself when there is room again, so that a process that nobody sends events to for that reason is not left out for ever.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, limitedLog } from '../log.ts'
import { bytesIn, replaceFile } from './disk.ts'

export type RoomState = {
  /** It has room and the disk takes what is written. */
  readonly ready: boolean
  readonly detail: string
  readonly bytes: number
  readonly maxBytes: number
}

export type Room = {
  has(bytes: number): boolean
  /** Bytes written, or removed if below 0. */
  changed(bytes: number): void
  /** Counts anew what lies in these folders. */
  count(...dirs: string[]): Promise<void>
  /** The disk took something. */
  worked(): void
  /** It did not. */
  failed(error: unknown, text: string): void
  /** After a failure, tries whether `dir` takes something again. Throws what the disk says. */
  tryAgain(dir: string): Promise<void>
  state(): RoomState
}

/** Less room than this is called none: one event may need as much. */
const leastBytes = 65_536

export function createRoom({ dir, maxBytes, log }: { dir: string; maxBytes: number; log: Log }): Room {
  const loud = limitedLog(log, { everyMs: 5_000 })
  let bytes = 0
  let problem: string | undefined

  return {
    has: (more) => bytes + more <= maxBytes,
    changed(more) {
      bytes += more
    },
    async count(...dirs) {
      let total = 0
      for (const one of dirs) total += await bytesIn(one)
      bytes = total
    },
    worked() {
      problem = undefined
    },
    failed(error, text) {
      problem = error instanceof Error ? error.message : String(error)
      loud.error({ error: problem, dir }, text)
    },
    async tryAgain(folder) {
      if (problem === undefined) return
      const path = join(folder, 'room')
      await replaceFile(path, Buffer.alloc(4_096), true)
      await rm(path, { force: true })
      problem = undefined
    },
    state() {
      const isFull = maxBytes - bytes < leastBytes
      const detail = problem ?? (isFull ? `SPOOL_MAX_BYTES=${maxBytes} is reached` : 'room')
      return { ready: problem === undefined && !isFull, detail, bytes, maxBytes }
    },
  }
}
