/**
 * Tally: what an ingress took and how quickly it answered in the last minute, in bounded memory, for its heartbeat.
 */
import type { Counts } from './webhook.ts'

export type Tally = Counts & {
  read(): {
    /** Webhooks that became events since the start. */
    readonly received: number
    /** 99 of 100 acks of the last minute came within this many milliseconds, at most a fifth more; left out without any. */
    readonly ackP99Ms?: number
  }
}

const sliceMs = 10_000
const slices = 6

/** Each bound is a fifth above the one before; the first is a tenth of a millisecond. */
const step = 1.2
const logOfStep = Math.log(step)
const firstMs = 0.1
const buckets = 80

type Slice = { turn: number; readonly counts: Uint32Array }

/** Counts, and hands on to `next`. `now` in milliseconds by a clock that never steps. */
export function createTally(next: Counts, now: () => number = () => performance.now()): Tally {
  const ring: Slice[] = Array.from({ length: slices }, () => ({ turn: -1, counts: new Uint32Array(buckets) }))
  let received = 0
  return {
    received(what) {
      if (what.outcome === 'taken' || what.outcome === 'spooled') received += 1
      next.received(what)
    },
    acked(tookMs) {
      const turn = Math.floor(now() / sliceMs)
      const slice = ring[turn % slices]
      if (slice !== undefined) {
        if (slice.turn !== turn) {
          slice.turn = turn
          slice.counts.fill(0)
        }
        const at = bucketOf(tookMs)
        slice.counts[at] = (slice.counts[at] ?? 0) + 1
      }
      next.acked(tookMs)
    },
    read() {
      const oldest = Math.floor(now() / sliceMs) - slices
      const recent = ring.filter(({ turn }) => turn > oldest)
      const total = recent.reduce((sum, { counts }) => sum + counts.reduce((all, count) => all + count, 0), 0)
      if (total === 0) return { received }
      let left = Math.ceil(total * 0.99)
      for (let at = 0; at < buckets; at++) {
        left -= recent.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0)
        if (left <= 0) return { received, ackP99Ms: Math.round(firstMs * step ** at * 10) / 10 }
      }
      return { received }
    },
  }
}

/** The smallest bucket whose bound is not below it. */
function bucketOf(ms: number): number {
  if (ms <= firstMs) return 0
  return Math.min(buckets - 1, Math.ceil(Math.log(ms / firstMs) / logOfStep))
}
