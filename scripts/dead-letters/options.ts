/**
 * Options of `dead`, `replay` and `discard`, all wrong ones named at once.
 */
import { parseArgs } from 'node:util'
import { canonicalName } from '../../src/event/catalogue.ts'
import type { Selector } from '../../src/queue/select.ts'

export type ListCommand =
  | { readonly kind: 'list'; readonly filter: Selector; readonly isJson: boolean; readonly limit: number }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }

export type ActCommand =
  | { readonly kind: 'act'; readonly selector: Selector; readonly isDryRun: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }

/** Dead letters that a table shows without `--limit`. */
export const defaultLimit = 100

const filters = {
  call: { type: 'string' },
  lane: { type: 'string' },
  event: { type: 'string' },
  error: { type: 'string' },
} as const

/** `dead`: what to list. Without a filter all are meant; `--json` has no limit of its own. */
export function readListCommand(argv: readonly string[]): ListCommand {
  return readOptions(argv, 'dead', () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: {
        ...filters,
        json: { type: 'boolean' },
        limit: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    })
    if (values.help === true) return { kind: 'help' }
    const problems = [...strays(positionals), ...misfits(values)]
    const isJson = values.json ?? false
    if (values.limit !== undefined && !/^[1-9]\d{0,8}$/.test(values.limit))
      problems.push(`--limit ${values.limit}: give a whole number from 1 on`)
    if (problems.length > 0) return { kind: 'wrong', problems }
    const limit = values.limit === undefined ? (isJson ? Number.POSITIVE_INFINITY : defaultLimit) : Number(values.limit)
    return { kind: 'list', filter: selectorOf(values), isJson, limit }
  })
}

/** `replay` and `discard`: which ones, and whether only to say so. */
export function readActCommand(argv: readonly string[], command: 'replay' | 'discard'): ActCommand {
  return readOptions(argv, command, () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: {
        ...filters,
        all: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    })
    if (values.help === true) return { kind: 'help' }
    const [eventId, ...more] = positionals
    const problems = [...strays(more), ...misfits(values)]
    const isAll = values.all ?? false
    const selector = { ...selectorOf(values), ...(eventId === undefined ? {} : { eventId }) }
    const named = Object.keys(selector).length
    if (problems.length === 0 && named === 0 && !isAll)
      problems.push(
        `say which dead letters to ${command}: an event id, --call ID, --lane LANE, --event NAME, --error TEXT, or --all`,
      )
    if (named > 0 && isAll) problems.push('--all stands alone: leave it out, or the rest')
    if (problems.length > 0) return { kind: 'wrong', problems }
    return { kind: 'act', selector: isAll ? { all: true } : selector, isDryRun: values['dry-run'] ?? false }
  })
}

type Filters = { readonly [Name in keyof typeof filters]?: string | undefined }

function selectorOf({ call, lane, event, error }: Filters): Selector {
  const name = event === undefined ? undefined : nameOf(event)
  const all = { callId: call, lane, event: name, error }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function misfits(values: Filters): string[] {
  const names = Object.keys(filters) as (keyof Filters)[]
  const empty = names.filter((name) => values[name]?.trim() === '')
  const problems = empty.map((name) => `--${name} is empty: give a text, or leave it out`)
  const { event } = values
  if (event !== undefined && event.trim() !== '' && nameOf(event) === undefined)
    problems.push(`--event ${event}: no event has this name; docs/events.md lists them`)
  return problems
}

/** In any spelling; `Unknown` is what the bridge calls the rest. */
const nameOf = (event: string) => canonicalName(event) ?? (/^unknown$/i.test(event) ? 'Unknown' : undefined)

const strays = (positionals: readonly string[]) =>
  positionals.map((text) => `${text}: nothing is expected here; a text with spaces needs quotes`)

function readOptions<T>(
  argv: readonly string[],
  command: string,
  read: () => T,
): T | { readonly kind: 'wrong'; readonly problems: readonly string[] } {
  const hint = `npm run ${command} -- --help shows what there is.`
  try {
    const found = read()
    const problems = (found as { problems?: readonly string[] }).problems
    return problems === undefined ? found : { kind: 'wrong', problems: [...problems, hint] }
  } catch (error) {
    // parseArgs' first sentence says which; the rest is for programmers.
    const [what = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/)
    return { kind: 'wrong', problems: [argv.length === 0 ? 'wrong options' : what, hint] }
  }
}
