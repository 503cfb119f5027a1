/**
 * What became of the webhooks of a run: counted as they come, shown as a progress line and a summary. Pure.
 */
import type { PlannedWebhook } from './plan.ts'

/** What became of one webhook. */
export type SentWebhook = Pick<
  PlannedWebhook,
  'call' | 'flow' | 'name' | 'kind' | 'callId' | 'lane' | 'ordinal' | 'repeated' | 'form'
> & {
  /** acked: 2xx to an event. refused: another status. expected: a component's request got its 422. error: no answer. */
  readonly result: 'acked' | 'refused' | 'expected' | 'error' | 'gave-up'
  /** From the answer; null without one. */
  readonly eventId: string | null
  readonly status: number | null
  /** From the first byte out to the last byte in. */
  readonly ms: number
  /** Why it was not acked; null if it was. */
  readonly reason: string | null
}

/** Counts of a run. `sent` = acked + failed + expected + gaveUp. */
export type Counts = {
  readonly calls: number
  readonly sent: number
  readonly acked: number
  /** Refused, or no answer. */
  readonly failed: number
  /** Dialplan components' requests that were refused with 422, as they must be. */
  readonly expected: number
  readonly gaveUp: number
  /** Second deliveries among the sent. */
  readonly repeated: number
  /** Milliseconds from sending to the whole answer, of acked events; null if none. */
  readonly ackMs: { readonly p50: number; readonly p99: number; readonly max: number } | null
  /** Why webhooks failed, and how often each. */
  readonly reasons: Readonly<Record<string, number>>
  readonly durationMs: number
  readonly perSecond: number
}

export type Tally = {
  record(sent: SentWebhook): void
  callDone(): void
  /** Cheap; without percentiles. */
  readonly progress: { readonly calls: number; readonly sent: number; readonly acked: number; readonly failed: number }
  counts(durationMs: number): Counts
}

export function createTally(): Tally {
  const progress = { calls: 0, sent: 0, acked: 0, failed: 0 }
  const reasons = new Map<string, number>()
  const acks: number[] = []
  let expected = 0
  let gaveUp = 0
  let repeated = 0
  return {
    progress,
    record(sent) {
      progress.sent += 1
      if (sent.repeated) repeated += 1
      if (sent.result === 'acked') {
        progress.acked += 1
        acks.push(sent.ms)
      } else if (sent.result === 'expected') expected += 1
      else if (sent.result === 'gave-up') gaveUp += 1
      else {
        progress.failed += 1
        const reason = sent.reason ?? 'unknown'
        // A server that answers something new each time must not fill the memory.
        const kept = reasons.has(reason) || reasons.size < 50 ? reason : 'other reasons'
        reasons.set(kept, (reasons.get(kept) ?? 0) + 1)
      }
    },
    callDone() {
      progress.calls += 1
    },
    counts: (durationMs) => ({
      ...progress,
      expected,
      gaveUp,
      repeated,
      ackMs: percentiles(acks),
      reasons: Object.fromEntries([...reasons].sort((one, other) => other[1] - one[1])),
      durationMs,
      perSecond: durationMs > 0 ? (progress.sent * 1_000) / durationMs : 0,
    }),
  }
}

function percentiles(values: readonly number[]): Counts['ackMs'] {
  if (values.length === 0) return null
  const sorted = Float64Array.from(values).sort()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: percentile(sorted, 1) }
}

/** Nearest rank: the smallest value that at least `share` (above 0, to 1) of all `sorted` values do not exceed. NaN of nothing. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** `calls 12/250  sent 140  acked 139  failed 1  840/s` */
export function progressLine(progress: Tally['progress'], calls: number, durationMs: number): string {
  const rate = durationMs > 0 ? Math.round((progress.sent * 1_000) / durationMs) : 0
  return `calls ${progress.calls}/${calls}  sent ${progress.sent}  acked ${progress.acked}  failed ${progress.failed}  ${rate}/s`
}

/** The summary, several lines without a newline at the end. */
export function summaryText(counts: Counts): string {
  const lines = [`calls   ${counts.calls}`, `sent    ${counts.sent}${aside(counts)}`, `acked   ${counts.acked}`]
  lines.push(`failed  ${counts.failed}`)
  for (const [reason, times] of Object.entries(counts.reasons)) lines.push(`        ${times} x ${reason}`)
  lines.push(
    counts.ackMs === null
      ? 'ack     none'
      : `ack     p50 ${ms(counts.ackMs.p50)}  p99 ${ms(counts.ackMs.p99)}  max ${ms(counts.ackMs.max)}`,
  )
  lines.push(`rate    ${rounded(counts.perSecond)} events a second over ${rounded(counts.durationMs / 1_000)} s`)
  return lines.join('\n')
}

function aside(counts: Counts): string {
  const parts = [
    counts.repeated > 0 && `${counts.repeated} of them second deliveries`,
    counts.expected > 0 && `${counts.expected} component requests, refused with 422 as they must be`,
    counts.gaveUp > 0 && `${counts.gaveUp} given up before the answer`,
  ].filter((part) => part !== false)
  return parts.length > 0 ? ` (${parts.join('; ')})` : ''
}

const ms = (value: number) => `${rounded(value)} ms`

/** Three figures are enough to read. */
function rounded(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
