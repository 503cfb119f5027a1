/**
 * Writing the spool: records are appended to segment files, many in one commit, and none counts as written before the
 * disk has said so. A segment is bounded; one whose fsync failed is given up and never tried again.
 * Knows bytes and files; what is in a body is not its business.
 */
import { type FileHandle, open as openFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, fileMode, syncFolder } from './disk.ts'
import { encodeRecord } from './record.ts'

/** Bytes that go to the disk in one commit at most, if more than one record waits. */
const commitBytes = 4_194_304

export type Written =
  | { readonly isWritten: true; readonly sequence: number }
  /** Refused; its place is behind the record `after`, which is the last that was written. */
  | { readonly isWritten: false; readonly after: number; readonly error: unknown }

export type SegmentsOptions = {
  /** The folder to write to, made if there is none. */
  readonly place: () => Promise<string>
  /** Told that the files of `place` are no longer ours; the next `place` is another. */
  readonly taken: () => void
  /** Whether that many bytes more are allowed. */
  readonly hasRoom: (bytes: number) => boolean
  /** A segment that has reached this size is closed. Default 8 MiB. */
  readonly segmentBytes?: number
  readonly open?: typeof openFile
}

export type Segments = {
  /** Resolves once the record is on disk, or is refused; never rejects. Records get their places in the order of the calls. */
  append(body: Buffer): Promise<Written>
  /** The sequence of the last record written; 0 before the first. */
  lastSequence(): number
  /** Up to where a segment of the present folder holds what was committed; undefined if it is none of ours. */
  endOf(name: string): number | undefined
  /** Whether records may still be added to this segment. */
  isOpen(name: string): boolean
  /** Closes the open segment after what waits is written; the next record begins another. */
  rotate(): Promise<void>
}

type Segment = { readonly path: string; readonly name: string; readonly handle: FileHandle; readonly ino: number }
type Waiting = { readonly body: Buffer; readonly settle: (written: Written) => void }

/** `00000003-00000000000412.seg`: the third segment of its process, its first record has the sequence 412. */
export const segmentPattern = /^\d{8}-(\d{14})\.seg$/
const nameOf = (count: number, sequence: number) =>
  `${String(count).padStart(8, '0')}-${String(sequence).padStart(14, '0')}.seg`

export function createSegments(options: SegmentsOptions): Segments {
  const { place, taken, hasRoom, segmentBytes = 8_388_608, open = openFile } = options
  const waiting: Waiting[] = []
  const ends = new Map<string, number>()
  let current: Segment | undefined
  let count = 0
  let sequence = 0
  let isCommitting = false
  let busy: Promise<void> = Promise.resolve()

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      const error = await attempt(group)
      // A full disk may have room for some of them.
      if (error !== undefined && group.length > 1) for (const one of group) fail(one, await attempt([one]))
      else for (const one of group) fail(one, error)
    }
    isCommitting = false
  }

  function fail({ settle }: Waiting, error: unknown): void {
    if (error !== undefined) settle({ isWritten: false, after: sequence, error })
  }

  /** Undefined once all of them are on disk and told so, else why none is. */
  async function attempt(group: readonly Waiting[]): Promise<unknown> {
    const first = sequence + 1
    const bytes = Buffer.concat(group.map(({ body }, index) => encodeRecord(first + index, body)))
    try {
      if (!hasRoom(bytes.length)) throw new Error('SPOOL_MAX_BYTES is reached')
      for (let tries = 1; (await commit(bytes)) !== 'committed'; tries += 1) {
        if (tries === 3) throw new Error('the segment could not be kept, three times over')
      }
    } catch (error) {
      return error
    }
    sequence += group.length
    group.forEach(({ settle }, index) => {
      settle({ isWritten: true, sequence: first + index })
    })
    return undefined
  }

  /** `again`: this segment is given up, another may do. */
  async function commit(bytes: Buffer): Promise<'committed' | 'again'> {
    current ??= await create()
    const segment = current
    if (segment === undefined) return 'again'
    const end = ends.get(segment.name) ?? 0
    try {
      await writeAll(segment.handle, bytes, end)
    } catch (error) {
      const isCut = await segment.handle.truncate(end).then(
        () => true,
        () => false,
      )
      const isTooLong = codeOf(error) === 'EFBIG' && end > 0
      if (!isCut || isTooLong) await giveUp(segment)
      if (isTooLong) return 'again'
      throw error
    }
    try {
      await segment.handle.datasync()
    } catch {
      // After a failed fsync the kernel may have dropped the pages and will call the next one a success.
      await giveUp(segment)
      return 'again'
    }
    if (!(await isOurs(segment))) {
      await giveUp(segment)
      loseFolder()
      return 'again'
    }
    ends.set(segment.name, end + bytes.length)
    if (end + bytes.length >= segmentBytes) await giveUp(segment)
    return 'committed'
  }

  /** Undefined if the folder is gone: with whoever took it, or removed. */
  async function create(): Promise<Segment | undefined> {
    const dir = await place()
    count += 1
    const name = nameOf(count, sequence + 1)
    const path = join(dir, name)
    const handle = await open(path, 'wx', fileMode).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
      loseFolder()
    })
    if (handle === undefined) return undefined
    try {
      await syncFolder(dir)
      ends.set(name, 0)
      return { path, name, handle, ino: (await handle.stat()).ino }
    } catch (error) {
      await handle.close().catch(() => {})
      await rm(path, { force: true }).catch(() => {})
      throw error
    }
  }

  function loseFolder(): void {
    ends.clear()
    taken()
  }

  async function giveUp(segment: Segment): Promise<void> {
    if (current === segment) current = undefined
    await segment.handle.close().catch(() => {})
  }

  return {
    append: (body) =>
      new Promise((settle) => {
        waiting.push({ body, settle })
        if (isCommitting) return
        isCommitting = true
        busy = busy.then(commitAll)
      }),
    lastSequence: () => sequence,
    endOf: (name) => ends.get(name),
    isOpen: (name) => current?.name === name,
    rotate() {
      busy = busy.then(() => (current === undefined ? undefined : giveUp(current)))
      return busy
    },
  }
}

function takeGroup(waiting: Waiting[]): Waiting[] {
  let bytes = 0
  let size = 0
  for (const { body } of waiting) {
    bytes += body.length
    if (size > 0 && bytes > commitBytes) break
    size += 1
  }
  return waiting.splice(0, size)
}

/** A short write comes before the error that says why. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw new Error('the disk took nothing')
    done += bytesWritten
  }
}

/** Whether the path still leads to the file that was written: not if an adopter has renamed the part. */
async function isOurs({ path, ino }: Segment): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.ino === ino
}
