/**
 * Samples: what Redis does not keep but this process can remember, the last hour of it: intake, and the oldest age.
 * Pure; whoever looks hands in what there is now. Empty after a start of the admin.
 */
import type { Process } from '../../queue/heartbeat.ts'

export type Sample = {
  /** The minute, in epoch milliseconds. */
  readonly at: number
  /** Webhooks taken in it, by all ingresses; undefined as long as it is not known. */
  readonly received: number | undefined
  /** The highest age of the oldest waiting event seen in it, in milliseconds. */
  readonly oldestWaitingMs: number
}

export type Look = {
  readonly at: number
  readonly oldestWaitingMs: number
  readonly processes: readonly Pick<Process, 'kind' | 'id' | 'startedAt' | 'received'>[]
}

export type Trend = 'rising' | 'falling' | 'steady' | undefined

export type Samples = {
  add(look: Look): void
  /** The minutes of the last hour, oldest first, with undefined where nobody looked. The last one is not over. */
  hour(now: number): readonly (Sample | undefined)[]
  /** Where the oldest age goes, by the last ten minutes; undefined if too little is known. */
  trend(now: number): Trend
}

const minuteMs = 60_000
const minutes = 60

/** A change of less than this is none, in milliseconds. */
const leastChangeMs = 10_000

/** What is remembered of the last hour; `startedAt` is when this process began to look. */
export function createSamples(startedAt: number): Samples {
  const samples = new Map<number, Sample>()
  /** How much each ingress had received when it was seen last. */
  const counts = new Map<string, number>()
  let lastAt = startedAt

  const receivedSince = (processes: Look['processes']): number | undefined => {
    let sum: number | undefined
    for (const { kind, id, startedAt: since, received } of processes) {
      if (kind !== 'ingress' || received === undefined) continue
      // One that has just started began with none; of another it is not known when it took what it has.
      const before = counts.get(id) ?? (since >= lastAt - minuteMs ? 0 : undefined)
      counts.set(id, received)
      if (before !== undefined) sum = (sum ?? 0) + Math.max(0, received - before)
    }
    return sum
  }

  return {
    add({ at, oldestWaitingMs, processes }) {
      const minute = Math.floor(at / minuteMs) * minuteMs
      const so = samples.get(minute)
      const received = receivedSince(processes)
      samples.set(minute, {
        at: minute,
        received: received === undefined ? so?.received : (so?.received ?? 0) + received,
        oldestWaitingMs: Math.max(so?.oldestWaitingMs ?? 0, oldestWaitingMs),
      })
      lastAt = at
      for (const old of samples.keys()) if (old < minute - minutes * minuteMs) samples.delete(old)
      const ids = new Set(processes.map(({ id }) => id))
      for (const id of counts.keys()) if (!ids.has(id)) counts.delete(id)
    },
    hour(now) {
      const end = Math.floor(now / minuteMs) * minuteMs
      return Array.from({ length: minutes }, (_, index) => samples.get(end - (minutes - 1 - index) * minuteMs))
    },
    trend(now) {
      const known = this.hour(now)
        .slice(-10)
        .filter((sample) => sample !== undefined)
      const [first, last] = [known[0], known.at(-1)]
      if (first === undefined || last === undefined || first === last) return undefined
      const change = last.oldestWaitingMs - first.oldestWaitingMs
      return Math.abs(change) < leastChangeMs ? 'steady' : change > 0 ? 'rising' : 'falling'
    },
  }
}
