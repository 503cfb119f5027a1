/**
 * Reading the spool: the records of one part in order, from the cursor on. Corrupt stretches go to quarantine and never stand
 * in the way of the rest, a missing segment does not either. A segment is removed once the cursor has passed it, durably.
 */
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../log.ts'
import { type Position, readCursor, writeCursor } from './cursor.ts'
import { codeOf } from './disk.ts'
import type { Quarantine } from './quarantine.ts'
import { type Bad, decodeRecords, type Intact, lastSequence } from './record.ts'
import { segmentPattern } from './segments.ts'

export type Read = { readonly sequence: number; readonly body: Buffer; readonly position: Position }

export type ReaderOptions = {
  readonly dir: string
  /** Id of the part; names what goes to quarantine. */
  readonly id: string
  readonly quarantine: Quarantine
  readonly log: Log
  /** Up to where a segment may be read; undefined = to the end of the file. */
  readonly endOf?: (name: string) => number | undefined
  /** Whether a segment may still grow. */
  readonly isOpen?: (name: string) => boolean
  /** Told how many bytes a removed segment had. */
  readonly removed?: (bytes: number) => void
}

export type Reader = {
  /**
   * The next records, at most `max`, none after the sequence `upTo`, which is asked of each record that was read: it may fall while
   * the disk is slow. Empty once all that is there was read.
   */
  read(max: number, upTo?: () => number): Promise<Read[]>
  /** Notes that all up to `position` is delivered, and removes the segments before it. */
  passed(position: Position): Promise<void>
  /** Removes what is passed, the last segment too unless it may grow. */
  tidy(): Promise<void>
  /** Records that are not delivered yet, as far as sequences tell. */
  count(): Promise<number>
}

type Window = { readonly name: string; readonly start: number; readonly bytes: Buffer; records: Iterator<Intact | Bad> }

export async function openReader(options: ReaderOptions): Promise<Reader> {
  const { dir, id, quarantine, log, endOf = () => undefined, isOpen = () => false, removed = () => {} } = options
  let delivered = await readCursor(dir)
  let at = delivered
  let window: Window | undefined
  let ahead: Read | undefined
  let badHere = 0
  const keepWhole = new Set<string>()

  const list = async () => (await readdir(dir)).filter((name) => segmentPattern.test(name)).sort()

  /** The first stretch behind `at` that holds something. */
  async function openWindow(): Promise<Window | undefined> {
    for (const name of await list()) {
      if (name < at.segment) continue
      const start = name === at.segment ? at.offset : 0
      const bytes = await readRange(name, start)
      if (bytes.length === 0) continue
      if (name !== at.segment) enter(name)
      return { name, start, bytes, records: decodeRecords(bytes) }
    }
    return undefined
  }

  function enter(name: string): void {
    const first = Number(segmentPattern.exec(name)?.[1])
    const expected = at.sequence === undefined ? undefined : at.sequence + 1
    if (expected !== undefined && first > expected && badHere === 0) {
      log.error({ part: id, segment: name, missing: first - expected }, 'spool segment missing, going on behind it')
    }
    badHere = 0
    at = { segment: name, offset: 0, sequence: first - 1 }
  }

  async function readRange(name: string, start: number): Promise<Buffer> {
    try {
      const handle = await open(join(dir, name), 'r')
      try {
        const length = Math.max(0, (endOf(name) ?? (await handle.stat()).size) - start)
        const bytes = Buffer.allocUnsafe(length)
        let done = 0
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, start + done)
          if (bytesRead === 0) break
          done += bytesRead
        }
        return bytes.subarray(0, done)
      } finally {
        await handle.close()
      }
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') return Buffer.alloc(0)
      if (code !== 'EIO') throw error
      log.error({ part: id, segment: name, err: error }, 'spool segment unreadable, moved to quarantine')
      await quarantine.keepSegment(join(dir, name), `${id}-${name}`)
      return Buffer.alloc(0)
    }
  }

  async function setAside({ name, start, bytes }: Window, bad: Bad): Promise<void> {
    badHere += 1
    const from = start + bad.start
    const fields = { part: id, segment: name, offset: from, bytes: bad.end - bad.start }
    // The first of a segment tells; a ruined one would tell thousands of times.
    if (badHere === 1) log.error(fields, 'spool bytes are no record, moved to quarantine')
    try {
      await quarantine.keepBad(`${id}-${name}-${from}`, bytes.subarray(bad.start, bad.end))
    } catch {
      keepWhole.add(name)
    }
  }

  async function next(): Promise<Read | undefined> {
    for (;;) {
      window ??= await openWindow()
      if (window === undefined) return undefined
      const { done, value } = window.records.next()
      if (done === true) {
        window = undefined
        continue
      }
      const offset = window.start + value.end
      if (value.kind === 'bad') {
        await setAside(window, value)
        at = { ...at, offset }
        continue
      }
      at = { segment: window.name, offset, sequence: value.sequence }
      return { sequence: value.sequence, body: value.body, position: at }
    }
  }

  async function removeSegments(isDone: (name: string) => Promise<boolean>): Promise<void> {
    const names: string[] = []
    for (const name of await list()) if (await isDone(name)) names.push(name)
    if (names.length === 0) return
    await note(true)
    for (const name of names) {
      const path = join(dir, name)
      const size = (await stat(path)).size
      if (keepWhole.delete(name)) await quarantine.keepSegment(path, `${id}-${name}`)
      else {
        await rm(path)
        removed(size)
      }
    }
  }

  /** On a full disk there may be no room for a cursor; repeats are harmless, and what is passed must make room. */
  async function note(isDurable: boolean): Promise<void> {
    await writeCursor(dir, delivered, isDurable).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') throw error
      log.warn({ part: id, err: error }, 'the cursor of the spool cannot be written')
    })
  }

  return {
    async read(max, upTo = () => Number.POSITIVE_INFINITY) {
      const found: Read[] = []
      while (found.length < max) {
        ahead ??= await next()
        if (ahead === undefined || ahead.sequence > upTo()) break
        found.push(ahead)
        ahead = undefined
      }
      return found
    },

    async passed(position) {
      const isNext = position.segment !== delivered.segment
      delivered = position
      if (isNext) await removeSegments(async (name) => name < position.segment)
      await note(false)
    },

    async tidy() {
      const { segment } = at
      if (ahead !== undefined || window !== undefined) return
      delivered = at
      await removeSegments(async (name) => {
        if (name > segment || isOpen(name)) return false
        const size = (await stat(join(dir, name)).catch(() => undefined))?.size ?? 0
        return name < segment || at.offset >= (endOf(name) ?? size)
      })
    },

    async count() {
      const names = (await list()).reverse()
      for (const name of names) {
        const last = lastSequence(await readRange(name, 0))
        if (last === undefined) continue
        const first = Number(segmentPattern.exec(names.at(-1) ?? '')?.[1])
        return Math.max(0, last - Math.max(delivered.sequence ?? 0, first - 1))
      }
      return 0
    },
  }
}
