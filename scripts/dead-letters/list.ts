/**
 * `dead`: pages of dead letters become a table, or lines of JSON.
 */
import { timeZoneOf } from '../../src/config.ts'
import { maskEvent, maskNumbers, maskValue } from '../../src/mask.ts'
import { type DeadLetter, readDeadLetters } from '../../src/queue/dead-letters.ts'
import { groupOf } from '../../src/queue/error-groups.ts'
import type { DeadFilter } from '../../src/queue/select.ts'
import { sourceOf } from '../../src/queue/timeline.ts'
import { type Desk, noneText } from './open.ts'
import { momentIn, tableOf } from './table.ts'

export type ListOptions = { readonly filter: DeadFilter; readonly isJson: boolean; readonly limit: number }

/** Prints what the filter means, newest first. Always 0. */
export async function list(desk: Desk, { filter, isJson, limit }: ListOptions): Promise<number> {
  const shown: DeadLetter[] = []
  let count = 0
  let cursor: string | undefined
  do {
    const page = await readDeadLetters(desk.queues, filter, { cursor, limit: Math.min(200, limit - count) })
    count += page.dead.length
    if (isJson) await write(page.dead.map((letter) => `${JSON.stringify(plain(letter, desk))}\n`).join(''))
    else shown.push(...page.dead)
    cursor = page.cursor
  } while (cursor !== undefined && count < limit)
  if (!isJson) await write(tableFor(shown, desk, cursor !== undefined))
  return 0
}

/** A letter as the API gives it. */
function plain(letter: DeadLetter, { config }: Desk): unknown {
  const { jobId: _, deadAt, eventId, event, ...rest } = letter
  const masked = config.admin.maskNumbers
    ? { ...(maskValue(rest) as typeof rest), event: maskEvent(event) }
    : { ...rest, event }
  return { eventId, deadAt: new Date(deadAt).toISOString(), ...masked }
}

function tableFor(letters: readonly DeadLetter[], { config }: Desk, isMore: boolean): string {
  if (letters.length === 0) return noneText(config)
  const shown = config.admin.maskNumbers ? maskNumbers : (text: string) => text
  const rows = letters.map(({ deadAt, name, lane, attempts, eventId, error }) => [
    momentIn(timeZoneOf(config.ingress.timeZones, sourceOf(lane)), deadAt),
    name,
    shown(lane),
    String(attempts),
    eventId,
    shown(error),
  ])
  const heads = ['DEAD SINCE', 'EVENT', 'LANE', 'ATTEMPTS', 'EVENT ID', 'ERROR']
  const width = process.stdout.columns ?? Number.POSITIVE_INFINITY
  const groups = new Map<string, number>()
  for (const { error } of letters) groups.set(groupOf(error), (groups.get(groupOf(error)) ?? 0) + 1)
  const byError = [...groups].sort(([, a], [, b]) => b - a).slice(0, 10)
  const many =
    byError.length > 1 ? byError.map(([group, count]) => `${String(count).padStart(8)}  ${group}\n`).join('') : ''
  return `${tableOf(heads, rows, { width })}
${letters.length} dead ${letters.length === 1 ? 'letter' : 'letters'}${isMore ? ', and there are more: --limit' : ''}.${many === '' ? '' : ' By error:'}
${many}Replay: npm run replay -- EVENTID, --call ID, --error TEXT or --all; --dry-run says what would be.
`
}

/** Waits for a slow reader: a hundred thousand letters must not pile up in memory. */
async function write(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise((resolve) => {
    process.stdout.once('drain', resolve)
    process.stdout.once('close', resolve)
  })
}
