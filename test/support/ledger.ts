/**
 * Reads a ledger (test/e2e/processors/ledger.ts) and judges it: what was lost, what was overtaken.
 */
import { readFileSync } from 'node:fs'

export type LedgerLine = {
  readonly what: 'start' | 'done' | 'fail'
  readonly lane: string
  readonly eventId: string
  readonly sequence: number
  readonly run: number
  readonly attempt: number
  readonly pid: number
}

export type Verdict = {
  /** Acknowledged and never done. */
  readonly lost: readonly string[]
  /** First starts that came while an earlier event of the lane was not done, or after a later one had started. */
  readonly overtaken: readonly string[]
  /** Events done more than once: at least once is the promise, so this is a figure, not a fault. */
  readonly repeated: number
  readonly done: number
  /** Attempts that started and never ended: their worker was killed under them. */
  readonly interrupted: number
}

export function readLedger<Line = LedgerLine>(file: string): Line[] {
  // What stands behind the last line break is still being written, or was cut off by a kill.
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

/** `acked`: event ids in the order in which each lane acknowledged them. */
export function judge(lines: readonly LedgerLine[], acked: readonly string[]): Verdict {
  const done = new Map<string, number>()
  const started = new Set<string>()
  const open = new Map<string, Map<string, number>>()
  const latest = new Map<string, number>()
  const overtaken: string[] = []
  for (const { what, lane, eventId, sequence } of lines) {
    const unfinished = open.get(lane) ?? new Map<string, number>()
    open.set(lane, unfinished)
    if (what === 'start' && !started.has(eventId)) {
      started.add(eventId)
      const isEarly = [...unfinished].some(([other, itsSequence]) => other !== eventId && itsSequence < sequence)
      if (isEarly || sequence < (latest.get(lane) ?? 0)) overtaken.push(eventId)
      latest.set(lane, Math.max(sequence, latest.get(lane) ?? 0))
      unfinished.set(eventId, sequence)
    }
    if (what === 'done') {
      done.set(eventId, (done.get(eventId) ?? 0) + 1)
      unfinished.delete(eventId)
    }
  }
  return {
    lost: acked.filter((eventId) => !done.has(eventId)),
    overtaken,
    repeated: [...done.values()].filter((times) => times > 1).length,
    done: done.size,
    interrupted: lines.reduce((sum, { what }) => sum + (what === 'start' ? 1 : -1), 0),
  }
}

/**
 * Events that started for the first time before one that their lane had acknowledged earlier. `acked`: event ids by lane, in
 * the order of their acks.
 */
export function turnedRound(lines: readonly LedgerLine[], acked: ReadonlyMap<string, readonly string[]>): string[] {
  const firstStart = new Map<string, number>()
  for (const [index, { what, eventId }] of lines.entries()) {
    if (what === 'start' && !firstStart.has(eventId)) firstStart.set(eventId, index)
  }
  return [...acked.values()].flatMap((ids) => {
    let latest = -1
    return ids.filter((eventId) => {
      const at = firstStart.get(eventId) ?? Number.POSITIVE_INFINITY
      const isEarly = at < latest
      if (at !== Number.POSITIVE_INFINITY) latest = Math.max(latest, at)
      return isEarly
    })
  })
}
