/**
 * What stands behind the question mark of a page's address. Anything else in it is left aside; nothing is refused here.
 */
import type { FastifyRequest } from 'fastify'
import { type DeadFilter, filterParts, type Selector } from '../../queue/select.ts'
import type { Stretch } from '../../queue/timeline.ts'

const maxText = 1_000

/** The parameter's text, trimmed; undefined if it is missing, empty or given more than once. */
export function textIn({ query }: Pick<FastifyRequest, 'query'>, name: string): string | undefined {
  const value = (query as Readonly<Record<string, unknown>>)[name]
  if (typeof value !== 'string') return undefined
  const text = value.trim().slice(0, maxText)
  return text === '' ? undefined : text
}

/** The filter of the list of dead letters, in the words of GET /api/dead. */
export function filterIn(request: Pick<FastifyRequest, 'query'>): DeadFilter {
  return given({
    callId: textIn(request, 'call'),
    lane: textIn(request, 'lane'),
    event: textIn(request, 'event'),
    error: textIn(request, 'error'),
    group: textIn(request, 'group'),
  })
}

/** What is to be replayed or discarded, in the words of POST /api/replay. */
export function selectorIn(request: Pick<FastifyRequest, 'query'>): Selector {
  const named = Object.fromEntries(filterParts.map((part) => [part, textIn(request, part)]))
  return given({ ...named, all: textIn(request, 'all') === 'true' ? true : undefined })
}

/** Which stretch of a lane. */
export function stretchIn(request: Pick<FastifyRequest, 'query'>): Stretch {
  const number = (name: string) => {
    const text = textIn(request, name)
    return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
  }
  return given({ before: number('before'), after: number('after') })
}

/** Where to go on after an action: a page of ours, whatever the address says. */
export function backOf(request: Pick<FastifyRequest, 'query'>): string {
  const back = textIn(request, 'back') ?? '/'
  // Two slashes, or a backslash, would be another host.
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(back) ? back : '/'
}

function given<T extends object>(parts: T): { [K in keyof T]: T[K] } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T
}
