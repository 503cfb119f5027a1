/**
 * `--simulate N`: plays calls through the running bridge and says, call by call, what happened to each event.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { flowOf } from '../simulate/flows.ts'
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

/** Plays the calls, waits for the fate of each event, prints it. True if every event was acked and processed, in order. */
export async function trial({ url, calls, credentials, ledger, signal, say }: TrialOptions): Promise<boolean> {
  const { entries } = await play({ url, calls, credentials, signal })
  await settled(
    entries.flatMap(({ eventId }) => eventId ?? []),
    ledger,
    signal,
  )
  const played = [...new Set(entries.map(({ call }) => call))].sort((one, other) => one - other)
  const byCall = played.map((call) => entries.filter((sent) => sent.call === call))
  const overtaken = byCall.reduce((sum, sent) => sum + overtakenOf(sent, ledger), 0)
  const events = entries.filter(({ kind }) => kind === 'event')
  const processed = events.filter((sent) => isProcessed(sent, ledger)).length
  const summary = summaryOf({ calls: played.length, events: events.length, processed, overtaken })
  say(['', ...byCall.flatMap((sent) => linesOfCall(sent, ledger)), '', summary, ''].join('\n'))
  const isAnswered = entries.every(({ result }) => result === 'acked' || result === 'expected')
  return isAnswered && processed === events.length && overtaken === 0 && !signal.aborted
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

function isProcessed(sent: SentWebhook, ledger: Ledger): boolean {
  const outcome = fateOf(sent, ledger)?.outcome
  return outcome === 'completed' || outcome === 'skipped'
}

/** How many of a call's events were done before one of the same lane that had come earlier. */
export function overtakenOf(sent: readonly SentWebhook[], ledger: Ledger): number {
  const last = new Map<string, number>()
  let overtaken = 0
  for (const one of sent) {
    const place = fateOf(one, ledger)?.place
    if (one.lane === null || place === undefined || !isProcessed(one, ledger)) continue
    const before = last.get(one.lane) ?? 0
    if (place < before) overtaken += 1
    last.set(one.lane, Math.max(place, before))
  }
  return overtaken
}

function fateOf({ eventId }: SentWebhook, ledger: Ledger): Fate | undefined {
  return eventId === null ? undefined : ledger.fateOf(eventId)
}

function linesOfCall(sent: readonly SentWebhook[], ledger: Ledger): string[] {
  const [first] = sent
  if (first === undefined) return []
  const callId = sent.find((one) => one.callId !== null)?.callId
  const width = Math.max(...sent.map(({ name }) => name.length))
  return [
    `Call ${first.call} (${flowOf(first.flow).title})${callId === undefined ? '' : `, call id ${callId}`}`,
    ...sent.map((one, at) => {
      // What names no call keeps order with something else, and so may be done before what came earlier.
      const lane = one.lane === null || one.lane.startsWith('call:') ? '' : `  [${one.lane}]`
      return `  ${String(at + 1).padStart(2)}  ${one.name.padEnd(width)}  ${fateText(one, fateOf(one, ledger))}${lane}`
    }),
  ]
}

function fateText(sent: SentWebhook, fate: Fate | undefined): string {
  if (sent.result === 'expected') return `refused as it must be (HTTP ${sent.status}): a dialplan component, no event`
  if (sent.result !== 'acked') return `not acked: ${sent.reason ?? sent.result}`
  const acked = `acked in ${Math.round(sent.ms)} ms`
  if (fate === undefined) return `${acked} -> not processed yet`
  const attempts = fate.attempts === 1 ? '1 attempt' : `${fate.attempts} attempts`
  const error = fate.error === undefined ? '' : `: ${fate.error}`
  return `${acked} -> ${fate.outcome} (${attempts}, ${fate.ms} ms)${error}`
}

type Sums = {
  readonly calls: number
  readonly events: number
  readonly processed: number
  readonly overtaken: number
}

function summaryOf({ calls, events, processed, overtaken }: Sums): string {
  const what = `${calls} ${calls === 1 ? 'call' : 'calls'}, ${events} events: ${processed} processed`
  const rest = events - processed
  const order = overtaken === 0 ? 'in order per call' : `${overtaken} overtaken`
  return `${what}${rest === 0 ? '' : `, ${rest} not`}, ${order}.`
}
