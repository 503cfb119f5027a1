/**
 * For tests of the spool: folders, events, an `enqueue` that can be switched off, and a spool closed when the test ends.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { v7 } from 'uuid'
import { EventRefusedError, RedisUnavailableError } from '../../src/errors.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { createLog, type Log } from '../../src/log.ts'
import type { Enqueue } from '../../src/queue/lanes.ts'
import { openSpool, type Spool, type SpoolOptions } from '../../src/spool/spool.ts'

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string }

/** A folder that is removed when the test ends. */
export async function spoolDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-spool-'))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

/** An event of this lane; `label` can be found again in `raw.query`, `body` makes it as large as one likes. */
export function eventIn(lane: string, label = '', body = ''): NewEvent {
  return {
    name: 'Unknown',
    eventId: v7(),
    source: 'default',
    callId: null,
    lane,
    receivedAt: new Date(),
    data: {},
    problems: [],
    raw: { method: 'POST', path: '/', query: label, contentType: '', body, bodyEncoding: 'utf8' },
  }
}

/** What a Redis would have taken, in order, an event id once. */
export type Taker = {
  readonly enqueue: Enqueue
  readonly events: NewEvent[]
  /** How often each event id was handed over. */
  readonly tries: Map<string, number>
  isUp: boolean
  /** Event ids or lanes that are refused. */
  readonly refuse: Set<string>
  labels(lane?: string): string[]
}

export function taker(): Taker {
  const self: Taker = {
    events: [],
    tries: new Map(),
    isUp: true,
    refuse: new Set(),
    labels: (lane) =>
      self.events.filter((event) => lane === undefined || event.lane === lane).map(({ raw }) => raw.query),
    async enqueue(event) {
      const { eventId, lane } = event
      self.tries.set(eventId, (self.tries.get(eventId) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      if (!self.isUp) throw new RedisUnavailableError('Redis is switched off by the test.')
      if (self.refuse.has(eventId) || self.refuse.has(lane)) throw new EventRefusedError('The lane is full.')
      const isNew = !self.events.some((other) => other.eventId === eventId)
      if (isNew) self.events.push(event)
      return { eventId, sequence: self.events.length, isNew }
    },
  }
  return self
}

/** A log that keeps its lines. */
export function keptLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  return { log, lines }
}

/** A spool that gives up an event after 150 ms and looks for dead parts every 100 ms; closed when the test ends. */
export async function testSpool(
  t: TestContext,
  options: Pick<SpoolOptions, 'dir' | 'enqueue'> & Partial<SpoolOptions>,
): Promise<Spool> {
  const spool = await openSpool({
    maxBytes: 100_000_000,
    limitMs: 150,
    lookEveryMs: 100,
    log: createLog({ level: process.env['TEST_LOG'] ?? 'silent' }),
    ...options,
  })
  t.after(() => spool.close())
  return spool
}
