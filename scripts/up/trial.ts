/**
 * `--simulate N`: plays calls through the running bridge and says, call by call, what happened to each event.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { play } from '../simulate/play.ts'
import type { SentWebhook } from '../simulate/report.ts'
import type { Fate, Ledger } from './ledger.ts'

export type TrialOptions = {
  readonly url: URL
  readonly calls: number
  readonly credentials: { readonly user: string; readonly pass: string } | undefined
  readonly ledger: Ledger
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Nothing new for so long, or so long in all, and the trial has failed: it must not hang. */
const idleLimitMs = 60_000
const limitMs = 600_000

/** Plays the calls, waits for the fate of each event, prints it. True if every event was acked and processed. */
export async function trial({ url, calls, credentials, ledger, signal, say }: TrialOptions): Promise<boolean> {
  const { entries } = await play({ url, calls, credentials, signal })
  const ids = entries.flatMap(({ eventId }) => eventId ?? [])
  await settled(ids, ledger, signal)
  const lines = [...new Map(entries.map((sent) => [sent.call, sent])).keys()]
    .sort((one, other) => one - other)
    .flatMap((call) =>
      linesOfCall(
        entries.filter((sent) => sent.call === call),
        ledger,
      ),
    )
  const events = entries.filter(({ kind }) => kind === 'event')
  const processed = events.filter((sent) => isProcessed(sent, ledger))
  const rest = events.length - processed.length
  say(['', ...lines, '', summary(calls, events.length, processed.length)].join('\n'))
  return rest === 0 && entries.every(({ result }) => result === 'acked' || result === 'expected') && !signal.aborted
}

async function settled(ids: readonly string[], ledger: Ledger, signal: AbortSignal): Promise<void> {
  const end = performance.now() + limitMs
  let { taken } = ledger
  let idleEnd = performance.now() + idleLimitMs
  while (!ids.every((id) => ledger.isFinal(id)) && !signal.aborted) {
    if (ledger.taken !== taken) {
      taken = ledger.taken
      idleEnd = performance.now() + idleLimitMs
    }
    if (performance.now() > Math.min(end, idleEnd)) return
    await pause(50)
  }
}

function isProcessed({ eventId }: SentWebhook, ledger: Ledger): boolean {
  const outcome = eventId === null ? undefined : ledger.fateOf(eventId)?.outcome
  return outcome === 'completed' || outcome === 'skipped'
}

function linesOfCall(sent: readonly SentWebhook[], ledger: Ledger): string[] {
  const first = sent[0]
  if (first === undefined) return []
  const callId = sent.find((one) => one.callId !== null)?.callId
  const width = Math.max(...sent.map(({ name }) => name.length))
  const lanes = new Set(sent.map(({ lane }) => lane))
  return [
    `Call ${first.call}: ${first.flow}${callId === undefined ? '' : `, call id ${callId}`}`,
    ...sent.map((one, at) => {
      const place = `  ${String(at + 1).padStart(2)}  ${one.name.padEnd(width)}`
      // What names no call keeps order with something else, and so may be done before what came earlier.
      const lane = lanes.size > 1 && one.lane !== null && !one.lane.startsWith('call:') ? `  (${one.lane})` : ''
      return `${place}  ${fateText(one, one.eventId === null ? undefined : ledger.fateOf(one.eventId))}${lane}`
    }),
  ]
}

function fateText(sent: SentWebhook, fate: Fate | undefined): string {
  const ms = Math.round(sent.ms)
  if (sent.result === 'expected') return `refused as it must be (HTTP ${sent.status}): a dialplan component, no event`
  if (sent.result !== 'acked') return `not acked: ${sent.reason ?? sent.result}`
  const acked = `acked in ${ms} ms`
  if (fate === undefined) return `${acked} -> not processed yet`
  const attempts = fate.attempts === 1 ? '1 attempt' : `${fate.attempts} attempts`
  const error = fate.error === undefined ? '' : `: ${fate.error}`
  return `${acked} -> ${fate.outcome} (${attempts}, ${fate.ms} ms)${error}`
}

function summary(calls: number, events: number, processed: number): string {
  const head = `${calls} ${calls === 1 ? 'call' : 'calls'}, ${events} events: ${processed} processed`
  return processed === events ? `${head}, in order.` : `${head}, ${events - processed} not.`
}
