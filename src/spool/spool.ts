/**
 * The spool: events on disk while Redis is away, of this process and of dead ones whose parts it adopted. `append` makes an
 * event durable; what is there drains in order, the adopted parts first, once Redis takes events again.
 * Knows bytes, files and an `enqueue` it is handed; no Redis, no HTTP.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { RedisUnavailableError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import { limitedLog } from '../log.ts'
import type { Enqueue } from '../queue/lanes.ts'
import { deliver, type Item } from './deliver.ts'
import { createEnding, type Ending } from './ending.ts'
import { textOf } from './event-text.ts'
import { openQuarantine } from './quarantine.ts'
import { createShelf, type ShelfOptions, type ShelfState } from './shelf.ts'

export type SpoolOptions = ShelfOptions & {
  /** How long an event may wait for Redis when the disk refuses it, in milliseconds: ENQUEUE_TIMEOUT_MS. */
  readonly limitMs: number
  /** The way of the ingress, with its short timeout: what finds out that Redis is back. */
  readonly enqueue: Enqueue
  /** The way of the drain, which may wait longer for an answer. Default: `enqueue`. */
  readonly enqueuePatiently?: Enqueue
  /** Why the drain should wait although Redis would take events; undefined if it should not. Default: never. */
  readonly mayWait?: () => string | undefined
  /** Epoch milliseconds; the clock by default. */
  readonly now?: () => number
}

export type SpoolState = ShelfState & {
  readonly isEmpty: boolean
  /** When the oldest event that waits was received; undefined while that is not known. */
  readonly oldestAt: Date | undefined
  /** Events since the start that neither disk nor Redis took. */
  readonly lost: number
}

export type Spool = {
  /**
   * Resolves once the event is durable: on disk, or, if the disk refuses it, in Redis in its turn. Its place behind all that
   * came before is fixed by the call.
   * @throws RedisUnavailableError if neither took it within `limitMs`; EventRefusedError if Redis refused it in its turn.
   */
  append(event: NewEvent): Promise<void>
  /** Nothing is held or on its way here. False from the moment in which `append` is called until Redis has answered for the last. */
  isEmpty(): boolean
  /** What an event that comes now may wait for instead of going behind: at most half of `limitMs`, since Redis may hang after that. */
  readonly ending: Ending['wait']
  state(): SpoolState
  /** Goes on draining for at most `limitMs` (default 0), then leaves the rest to the next process. */
  close(limitMs?: number): Promise<void>
}

/** Records taken from the disk at a time: as many may be on their way to Redis, each lane one at a time. Its end is near with the last of them. */
const batchSize = 256
const firstPauseMs = 50
const longestPauseMs = 250

/** From this share of SPOOL_MAX_BYTES on the drain waits for nothing but Redis: the rest is needed should Redis refuse. */
const waitUpTo = 0.8

/** An event that the disk refused, waiting for its turn behind the record `after`. */
type Waiting = { readonly after: number; readonly item: Item }

/** Opens the spool and takes over what dead processes left. Trouble with the disk does not stop it: it says so and tries on. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { limitMs, enqueue, enqueuePatiently = enqueue, mayWait, log, now = Date.now } = options
  const quarantine = openQuarantine(options.dir)
  const shelf = createShelf({ ...options, quarantine, now, found: wake })
  const loud = limitedLog(log, { everyMs: 5_000 })
  const ending = createEnding(limitMs / 2)
  const waiting: Waiting[] = []
  const stop = new AbortController()
  let isClosing = false
  let isDirty = false
  let isAway = false
  let hasWaited = false
  let pending = 0
  let changes = 0
  let lost = 0
  let oldestAt: Date | undefined
  let draining: Promise<void> | undefined
  let changed = new Promise<void>(() => {})
  let announce = () => {}

  function wake(): void {
    isDirty = true
    changes += 1
    announce()
    if (draining === undefined && !isClosing) {
      draining = drain().finally(() => {
        draining = undefined
      })
    }
  }

  async function drain(): Promise<void> {
    const started = now()
    let count = 0
    hasWaited = false
    isAway = true
    while (!stop.signal.aborted) {
      try {
        const seen = changes
        changed = new Promise<void>((resolve) => {
          announce = resolve
        })
        const items = await nextItems()
        if (!isAway && shelf.state().events <= batchSize) ending.near()
        if (items.length > 0) {
          count += items.length
          await deliverAll(items)
        } else if (changes === seen && pending === 0) {
          // Nothing was decided since the disk was found read to its end: the straight way opens now.
          isDirty = false
          oldestAt = undefined
          ending.over()
          const durationMs = now() - started
          if (count > 0) log[hasWaited ? 'info' : 'debug']({ events: count, durationMs }, 'the spool is empty')
          await shelf.tidy()
          if (!isDirty) return
        } else {
          await changed
        }
      } catch (error) {
        loud.error({ err: error }, 'the spool cannot be read now, trying again')
        await rest(longestPauseMs)
      }
    }
  }

  /** What comes next: adopted parts, then our own records and, in their place among them, what the disk refused. */
  async function nextItems(): Promise<Item[]> {
    const first = waiting[0]
    // Asked anew for each record: the disk may refuse an event and take the next one while it is being read.
    const stored = await shelf.read(batchSize, () => waiting[0]?.after ?? Number.POSITIVE_INFINITY)
    if (stored.length > 0 || first === undefined) return stored
    const end = waiting.findIndex(({ after }) => after !== first.after)
    return waiting.splice(0, end === -1 ? waiting.length : end).map(({ item }) => item)
  }

  async function deliverAll(items: readonly Item[]): Promise<void> {
    let pauseMs = firstPauseMs
    let failures = 0
    while (!stop.signal.aborted) {
      const left = items.filter(({ isDone }) => !isDone)
      oldestAt = left[0]?.receivedAt
      if (left.length === 0) return
      const why = whyWait()
      if (why !== undefined) {
        hasWaited = true
        loud.warn({ error: why }, 'the spool waits for redis')
        await rest(firstPauseMs)
        continue
      }
      const failure = isAway ? await ask(left, failures) : await deliver(left, enqueuePatiently)
      await shelf.passed(items)
      if (failure === undefined) {
        isAway = false
        pauseMs = firstPauseMs
        continue
      }
      ending.over()
      failures += 1
      if (!hasWaited) loud.warn({ error: failure.message }, 'the spool waits for redis')
      isAway = true
      hasWaited = true
      await rest(pauseMs)
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    }
  }

  /** Never while an event that the disk refused waits for its turn, nor when the disk may refuse the next. */
  function whyWait(): string | undefined {
    const { ready, bytes, maxBytes } = shelf.state()
    return waiting.length === 0 && ready && bytes < maxBytes * waitUpTo ? mayWait?.() : undefined
  }

  /** Whether Redis is back: one event asks for all. Now and then patiently, should Redis be there and slow. */
  function ask(left: readonly Item[], failures: number): Promise<Error | undefined> {
    return deliver(left.slice(0, 1), failures % 4 === 3 ? enqueuePatiently : enqueue)
  }

  async function rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: stop.signal }).catch(() => {})
  }

  /** The disk refused: Redis is asked in turn, for as long as the sender may wait. */
  async function waitForTurn(event: NewEvent, after: number, diskError: unknown): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const answer = new Promise<void>((resolve, reject) => {
      const { lane, receivedAt } = event
      const refused = async (reason: unknown) => reject(reason)
      const item: Item = { lane, receivedAt, event: () => event, isDone: false, taken: resolve, refused }
      timer = setTimeout(() => {
        item.isDone = true
        reject(neither(diskError))
      }, limitMs)
      waiting.push({ after, item })
    })
    try {
      await answer
    } catch (error) {
      if (error instanceof RedisUnavailableError) lost += 1
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  const spool: Spool = {
    async append(event) {
      isDirty = true
      pending += 1
      let turn: Promise<void> | undefined
      try {
        const written = await shelf.append(Buffer.from(textOf(event)))
        if (!written.isWritten) turn = waitForTurn(event, written.after, written.error)
      } finally {
        pending -= 1
        wake()
      }
      await turn
    },
    isEmpty: () => !isDirty,
    ending: ending.wait,
    state: () => ({ ...shelf.state(), isEmpty: !isDirty, oldestAt, lost }),

    async close(limitMs = 0) {
      const end = pause(limitMs, 'late' as const, { signal: stop.signal }).catch(() => 'late' as const)
      while (draining !== undefined) if ((await Promise.race([draining, end])) === 'late') break
      isClosing = true
      stop.abort()
      announce()
      await draining
      await shelf.close(!isDirty)
    },
  }

  await shelf.open()
  return spool
}

function neither(diskError: unknown): RedisUnavailableError {
  const why = diskError instanceof Error ? diskError.message : String(diskError)
  const text = `Redis is away and the spool refuses: ${why}. Make room in SPOOL_DIR or bring Redis back.`
  return new RedisUnavailableError(text, { cause: diskError })
}
