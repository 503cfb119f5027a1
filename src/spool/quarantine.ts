/**
 * What the spool could not deliver and must not lose: bytes that are no record (`*.bad`), and events that Redis refused
 * (`*.refused`, readable JSON). One folder for all processes of a SPOOL_DIR. Nothing leaves it by itself.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EventRefusedError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import type { Log } from '../log.ts'
import type { Enqueue } from '../queue/lanes.ts'
import { codeOf, folderMode, replaceFile } from './disk.ts'
import { eventOf } from './event-text.ts'

export type Refused = {
  /** Name of its file. */
  readonly name: string
  readonly eventId: string
  /** ISO time. */
  readonly refusedAt: string
  readonly reason: string
  /** The stored form, as text. */
  readonly stored: string
}

export type Counts = { readonly refused: number; readonly bad: number }

export type Quarantine = {
  readonly dir: string
  /** Durable once resolved. `name` is the same whenever the same record is refused again. */
  keepRefused(name: string, entry: Omit<Refused, 'name'>): Promise<void>
  keepBad(name: string, bytes: Buffer): Promise<void>
  /** Keeps a whole segment, which needs no room. */
  keepSegment(path: string, name: string): Promise<void>
  count(): Promise<Counts>
}

export function openQuarantine(spoolDir: string): Quarantine {
  const dir = join(spoolDir, 'quarantine')
  const put = async (name: string, content: string | Buffer) => {
    await mkdir(dir, { recursive: true, mode: folderMode })
    await replaceFile(join(dir, name), content, true)
  }
  return {
    dir,
    keepRefused: (name, entry) => put(`${name}.refused`, `${JSON.stringify(entry)}\n`),
    keepBad: (name, bytes) => put(`${name}.bad`, bytes),
    async keepSegment(path, name) {
      await mkdir(dir, { recursive: true, mode: folderMode })
      await rename(path, join(dir, `${name}.bad`))
    },
    async count() {
      const names = await namesIn(dir)
      return {
        refused: names.filter((name) => name.endsWith('.refused')).length,
        bad: names.filter((name) => name.endsWith('.bad')).length,
      }
    },
  }
}

/** The refused events of a SPOOL_DIR, in the order in which they were refused. Files that cannot be read are left out. */
export async function listRefused(spoolDir: string): Promise<Refused[]> {
  const { dir } = openQuarantine(spoolDir)
  const names = (await namesIn(dir)).filter((name) => name.endsWith('.refused')).sort()
  const entries: Refused[] = []
  for (const name of names) {
    const text = await readFile(join(dir, name), 'utf8').catch(() => '{}')
    const entry = parse(text)
    if (entry !== undefined) entries.push({ ...entry, name })
  }
  return entries.sort((a, b) => (a.refusedAt < b.refusedAt ? -1 : a.refusedAt > b.refusedAt ? 1 : 0))
}

export type Replayed = { readonly replayed: number; readonly refused: number }

/**
 * Hands refused events to `enqueue` once more, in order, and forgets those that it takes; `eventId` picks one. What is
 * refused again stays. Safe to repeat: an event id is taken once.
 * @throws RedisUnavailableError (whatever `enqueue` throws) at the first that finds Redis away; the rest stays.
 */
export async function replayRefused(spoolDir: string, enqueue: Enqueue, log: Log, eventId?: string): Promise<Replayed> {
  const { dir } = openQuarantine(spoolDir)
  let replayed = 0
  let refused = 0
  for (const entry of await listRefused(spoolDir)) {
    if (eventId !== undefined && entry.eventId !== eventId) continue
    let event: NewEvent
    try {
      event = eventOf(entry.stored)
      await enqueue(event)
    } catch (error) {
      const isItsOwn = error instanceof EventRefusedError || (error as { code?: unknown }).code === 'BRIDGE_JOB_DECODE'
      if (!isItsOwn) throw error
      refused += 1
      log.warn({ eventId: entry.eventId, error: (error as Error).message }, 'event refused again, it stays')
      continue
    }
    await rm(join(dir, entry.name), { force: true })
    replayed += 1
  }
  return { replayed, refused }
}

async function namesIn(dir: string): Promise<string[]> {
  return await readdir(dir).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
}

function parse(text: string): Omit<Refused, 'name'> | undefined {
  try {
    const { eventId, refusedAt, reason, stored } = JSON.parse(text)
    return typeof stored === 'string' ? { eventId, refusedAt, reason, stored } : undefined
  } catch {
    return undefined
  }
}
