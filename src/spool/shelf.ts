/**
 * All that lies on disk for one process: its own part, the parts it adopted in the order in which they drain, and the
 * count of bytes against the cap. Notices when its part was taken and goes on in another.
 */
import { type open, rm } from 'node:fs/promises'
import type { Log } from '../log.ts'
import { writeCursor } from './cursor.ts'
import type { Item } from './deliver.ts'
import { codeOf } from './disk.ts'
import { itemOf } from './item.ts'
import { type Adopted, adoptedBy, claim, createPart, findDead, keepReserve, type Part, removePart } from './part.ts'
import type { Counts, Quarantine } from './quarantine.ts'
import { openReader, type Read, type Reader } from './reading.ts'
import { headerBytes } from './record.ts'
import { createRoom, type RoomState } from './room.ts'
import { createSegments, type Written } from './segments.ts'

export type ShelfOptions = {
  /** SPOOL_DIR. Several processes may share it, also over container names, as long as it is one machine's disk. */
  readonly dir: string
  /** SPOOL_MAX_BYTES: what this process holds, adopted parts and the quarantine included. */
  readonly maxBytes: number
  readonly log: Log
  readonly segmentBytes?: number
  /** How often it looks for parts of processes that died meanwhile. Default 2 s. */
  readonly lookEveryMs?: number
  /** Opens segments; that of node:fs by default. */
  readonly open?: typeof open
}

type Handed = {
  readonly quarantine: Quarantine
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Told that parts were adopted and wait to be read. */
  readonly found: () => void
}

export type ShelfState = RoomState & {
  /** Held and not yet in Redis, as far as is known. */
  readonly events: number
  /** In quarantine: events that Redis refused, stretches of bytes that were no record. */
  readonly refused: number
  readonly bad: number
}

export type Shelf = {
  /** Makes the own part and adopts those of the dead. Never rejects: what fails is logged and tried again. */
  open(): Promise<void>
  append(body: Buffer): Promise<Written>
  /** The next records, at most `max`; of the own part none after the sequence `upTo`. Empty at the end of all. */
  read(max: number, upTo: () => number): Promise<Item[]>
  /** Notes how far a batch is done, so that it is not read again. */
  passed(batch: readonly Item[]): Promise<void>
  /** Frees the disk once all is delivered. */
  tidy(): Promise<void>
  state(): ShelfState
  /** Leaves what is there to the next process; removes the part if there is nothing. */
  close(isEmpty: boolean): Promise<void>
}

type Source = Adopted & { readonly reader: Reader }
type Own = Source & { readonly part: Part }

export function createShelf(options: ShelfOptions & Handed): Shelf {
  const { dir: spoolDir, maxBytes, log, now, found, lookEveryMs = 2_000 } = options
  const room = createRoom({ dir: spoolDir, maxBytes, log })
  const adopted: Source[] = []
  const quarantine: Quarantine = {
    ...options.quarantine,
    async keepBad(name, content) {
      await options.quarantine.keepBad(name, content)
      await recount()
    },
  }
  let own: Own | undefined
  let making: Promise<Own> | undefined
  let counts: Counts = { refused: 0, bad: 0 }
  let counting: Promise<void> = Promise.resolve()
  /** Counted from the folder, one count after the other: adding by hand would count twice what a look has seen. */
  const recount = (): Promise<void> => {
    counting = counting
      .then(() => options.quarantine.count())
      .then(
        (counted) => {
          counts = counted
        },
        () => {},
      )
    return counting
  }
  let events = 0
  let looking: Promise<void> | undefined
  let turn: Promise<void> = Promise.resolve()
  /** A look and the removal of a part take turns: else a look fails over a part that goes, or takes it in again. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }
  let timer: NodeJS.Timeout | undefined

  const segments = createSegments({
    place: async () => (await ensureOwn()).dir,
    taken: loseOwn,
    hasRoom: room.has,
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.open === undefined ? {} : { open: options.open }),
  })
  const removed = (size: number) => room.changed(-size)

  async function ensureOwn(): Promise<Own> {
    if (own !== undefined) return own
    making ??= make().finally(() => {
      making = undefined
    })
    return await making
  }

  async function make(): Promise<Own> {
    const part = await createPart(spoolDir, log)
    const { id, dir } = part
    const { endOf, isOpen } = segments
    try {
      // Tells a later reader which record is the first; on a full disk it must do without.
      const start = { segment: '', offset: 0, sequence: segments.lastSequence() }
      await writeCursor(dir, start, false).catch(() => {})
      own = { id, dir, part, reader: await openReader({ id, dir, quarantine, log, removed, endOf, isOpen }) }
    } catch (error) {
      await part.release()
      throw error
    }
    return own
  }

  function loseOwn(): void {
    if (own === undefined) return
    const { part } = own
    own = undefined
    adopted.length = 0
    log.error({ part: part.dir }, 'this part of the spool was taken or removed while its process lives, making another')
    void part.release().catch(() => {})
  }

  async function look(): Promise<void> {
    try {
      const { dir } = await ensureOwn()
      for (const dead of await findDead(spoolDir, dir)) await claim(dead, dir)
      for (const part of await adoptedBy(dir)) await takeIn(part)
      await room.count(dir, quarantine.dir)
      await recount()
      await keepReserve(spoolDir)
      await room.tryAgain(dir)
    } catch (error) {
      room.failed(error, 'the spool cannot be used now, trying again')
    }
  }

  async function takeIn({ id, dir }: Adopted): Promise<void> {
    if (adopted.some((source) => source.dir === dir)) return
    const reader = await openReader({ id, dir, quarantine, log, removed })
    const count = await reader.count()
    if (count > 0) log.info({ part: id, events: count }, 'adopted a part of a process that is gone')
    events += count
    adopted.push({ id, dir, reader })
    found()
  }

  function itemsOf(source: Source, records: readonly Read[]): Item[] {
    return records.map((record) =>
      itemOf(record, source, {
        quarantine,
        now,
        log,
        left(isRefused) {
          events -= 1
          if (isRefused) void recount()
        },
      }),
    )
  }

  return {
    async open() {
      await inTurn(look)
      timer = setInterval(() => {
        looking ??= inTurn(look).finally(() => {
          looking = undefined
        })
      }, lookEveryMs)
      timer.unref()
    },

    async append(body) {
      const written = await segments.append(body)
      if (written.isWritten) {
        events += 1
        room.changed(headerBytes + body.length)
        room.worked()
      } else room.failed(written.error, 'the spool refuses events')
      return written
    },

    async read(max, upTo) {
      for (let source = adopted[0]; source !== undefined; source = adopted[0]) {
        const records = await source.reader.read(max).catch(gone)
        if (records !== undefined && records.length > 0) return itemsOf(source, records)
        const { reader, dir } = source
        await inTurn(async () => {
          await reader.tidy().catch(gone)
          await rm(dir, { recursive: true, force: true })
          if (adopted[0] === source) adopted.shift()
        })
      }
      const source = own
      const records = await source?.reader.read(max, upTo).catch(gone)
      if (source === undefined || records === undefined) return []
      return itemsOf(source, records)
    },

    async passed(batch) {
      const firstLeft = batch.findIndex(({ isDone }) => !isDone)
      const last = batch.at(firstLeft === -1 ? -1 : firstLeft - 1)
      if (firstLeft !== 0) await last?.note?.().catch(gone)
    },

    async tidy() {
      await segments.rotate()
      await own?.reader.tidy().catch(gone)
    },

    state: () => ({ ...room.state(), ...counts, events: Math.max(0, events) }),

    async close(isEmpty) {
      clearInterval(timer)
      await looking
      await segments.rotate()
      if (own === undefined) return
      await own.part.release()
      if (isEmpty) await removePart(spoolDir, own.dir).catch(gone)
    },
  }
}

/** The folder went with an adopter, who has what was in it. */
function gone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
