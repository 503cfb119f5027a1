/**
 * `replay` and `discard`: a selector becomes an action, with progress, and is stopped by Ctrl-C.
 */
import { maskNumbers } from '../../src/mask.ts'
import { type ActionResult, discardSelected, replaySelected } from '../../src/queue/actions.ts'
import type { Selector } from '../../src/queue/select.ts'
import { type Desk, noneText, whoAmI } from './open.ts'
import { tableOf } from './table.ts'

export type ActOptions = { readonly selector: Selector; readonly isDryRun: boolean }

const words = {
  replay: { act: replaySelected, done: 'Replayed', would: 'Would replay' },
  discard: { act: discardSelected, done: 'Discarded', would: 'Would discard' },
} as const

/** Resolves with the exit code: 1 if it was stopped, or the one event that was named is no dead letter. */
export async function act(desk: Desk, what: 'replay' | 'discard', { selector, isDryRun }: ActOptions): Promise<number> {
  const stop = new AbortController()
  const interrupt = () => {
    if (!stop.signal.aborted) process.stderr.write('\nstopping after what is under way\n')
    stop.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const progress = showProgress()
  try {
    const { signal } = stop
    const result = await words[what].act(desk.queues, selector, {
      who: whoAmI(),
      isDryRun,
      signal,
      progress: progress.tell,
    })
    progress.end()
    process.stdout.write(isDryRun ? dryRunText(desk, what, result) : resultText(desk, what, result))
    const isMissing = selector.eventId !== undefined && result.planned === 0
    return isMissing || !result.isComplete ? 1 : 0
  } finally {
    progress.end()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

function resultText(
  { config }: Desk,
  what: 'replay' | 'discard',
  { eventIds, planned, isComplete }: ActionResult,
): string {
  if (planned === 0) return isComplete ? noneText(config) : 'Stopped before anything was done.\n'
  const ids = eventIds.map((eventId) => `${eventId}\n`).join('')
  const letters = planned === 1 ? 'dead letter' : 'dead letters'
  const rest = isComplete
    ? eventIds.length < planned
      ? '; somebody else had the rest'
      : ''
    : '; stopped, the rest is as it was'
  return `${ids}${words[what].done} ${eventIds.length} of ${planned} ${letters}${rest}.\n`
}

function dryRunText({ config }: Desk, what: 'replay' | 'discard', { steps, isComplete }: ActionResult): string {
  if (steps.length === 0) return isComplete ? noneText(config) : 'Stopped.\n'
  const shown = config.admin.maskNumbers ? maskNumbers : (text: string) => text
  const place = (isHead: boolean) =>
    what === 'discard'
      ? isHead
        ? 'its lane goes on'
        : 'removed'
      : isHead
        ? 'in its own place'
        : 'at the end of its lane'
  const rows = steps.map(({ eventId, name, lane, error, isHead }) => [
    eventId,
    name,
    shown(lane),
    place(isHead),
    shown(error),
  ])
  const heads = ['EVENT ID', 'EVENT', 'LANE', 'WHERE', 'ERROR']
  const table = tableOf(heads, rows, { width: process.stdout.columns ?? Number.POSITIVE_INFINITY })
  return `${table}\n${words[what].would} ${steps.length}, each lane's in this order. Nothing was done.\n`
}

/** A line on standard error: rewritten on a terminal, else every five seconds. */
function showProgress(): { tell(done: number, planned: number): void; end(): void } {
  const out = process.stderr
  let last = performance.now()
  let isShown = false
  return {
    tell(done, planned) {
      if (performance.now() - last < (out.isTTY ? 200 : 5_000)) return
      last = performance.now()
      isShown = out.isTTY
      out.write(out.isTTY ? `\r\x1b[K${done} of ${planned}` : `${done} of ${planned}\n`)
    },
    end() {
      if (isShown) out.write('\r\x1b[K')
      isShown = false
    },
  }
}
