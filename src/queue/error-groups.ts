/**
 * Dead letters grouped by what went wrong: errors that differ only in numbers, ids and quoted texts are one group.
 */
import { lookAtJobs } from './fused/look.ts'
import type { ShardKeys } from './keys.ts'
import { pairsOf, type Queues } from './queues.ts'

const maxGroupLength = 200

/** What of an error differs from event to event. Tried in this order. */
const varying: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // Quoted texts; an apostrophe inside a word is none.
  [/"[^"\n]{0,300}"|`[^`\n]{0,300}`|“[^”\n]{0,300}”|«[^»\n]{0,300}»/gu, '"…"'],
  [/(?<![\p{L}\p{Nd}])'[^'\n]{0,300}'(?![\p{L}\p{Nd}])/gu, '"…"'],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/giu, '#'],
  [/\b0x[0-9a-f]+\b|\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b/giu, '#'],
  // Numbers, masked ones, dates, addresses; also inside a word, such as `timeout30s`.
  [/[+-]?\p{Nd}(?:[\p{Nd}*]|[.,:/T-](?=\p{Nd}))*/gu, '#'],
]

/** The group of an error: its first line with numbers, ids and quoted texts replaced, at most 200 characters. Pure. */
export function groupOf(error: string): string {
  const line = error.slice(0, 2_000).trim().split('\n', 1)[0] ?? ''
  const plain = varying.reduce((text, [pattern, instead]) => text.replace(pattern, instead), line)
  return plain.replace(/\s+/g, ' ').trim().slice(0, maxGroupLength)
}

export type ErrorGroup = {
  /** The error with `#` and `"…"` for what differs: give it as `group` to select its dead letters. */
  readonly group: string
  /** The latest error of the group, as it was. */
  readonly error: string
  readonly count: number
  /** The event names in it, most frequent first. */
  readonly events: readonly string[]
  /** Epoch milliseconds. */
  readonly firstAt: number
  readonly lastAt: number
}

export type ErrorGroups = {
  /** The largest first. */
  readonly groups: readonly ErrorGroup[]
  /** How many dead letters were looked at: the newest. */
  readonly grouped: number
  /** How many there are. */
  readonly dead: number
}

type Known = { readonly group: string; readonly error: string; readonly name: string }

/**
 * Gives a function that groups the newest dead letters, at most `limit` (default 5,000) over all shards. What it has read
 * once it remembers, since a dead letter does not change: asked again, it reads the new ones only.
 */
export function errorGroupsOf({ redis, shards }: Queues, { limit = 5_000 } = {}): () => Promise<ErrorGroups> {
  const perShard = Math.ceil(limit / shards.length)
  let known = new Map<string, Known>()

  const readShard = async (keys: ShardKeys, next: Map<string, Known>) => {
    const flat = await redis.zrevrange(keys.failed, 0, perShard - 1, 'WITHSCORES')
    const places = pairsOf(flat).map(([jobId, deadAt]) => ({ jobId, deadAt }))
    const unknown = places.map(({ jobId }) => jobId).filter((jobId) => !known.has(jobId))
    const jobs = await lookAtJobs(redis, keys, unknown, { data: false, lines: 0 })
    const read = new Map(jobs.map(({ jobId, error, name }) => [jobId, { group: groupOf(error), error, name }]))
    return places.flatMap(({ jobId, deadAt }) => {
      const one = known.get(jobId) ?? read.get(jobId)
      if (one === undefined) return []
      next.set(jobId, one)
      return [{ ...one, deadAt }]
    })
  }

  return async () => {
    const next = new Map<string, Known>()
    const letters = (await Promise.all(shards.map((keys) => readShard(keys, next)))).flat()
    const counts = await Promise.all(shards.map((keys) => redis.zcard(keys.failed)))
    known = next
    return { groups: grouped(letters), grouped: letters.length, dead: counts.reduce((sum, count) => sum + count, 0) }
  }
}

function grouped(letters: readonly (Known & { readonly deadAt: number })[]): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup & { names: Map<string, number> }>()
  for (const { group, error, name, deadAt } of letters) {
    const so = groups.get(group)
    const names = so?.names ?? new Map<string, number>()
    names.set(name, (names.get(name) ?? 0) + 1)
    groups.set(group, {
      group,
      error: so === undefined || deadAt > so.lastAt ? error : so.error,
      count: (so?.count ?? 0) + 1,
      events: [],
      firstAt: Math.min(so?.firstAt ?? deadAt, deadAt),
      lastAt: Math.max(so?.lastAt ?? deadAt, deadAt),
      names,
    })
  }
  return [...groups.values()]
    .map(({ names, ...group }) => ({
      ...group,
      events: [...names].sort(([, a], [, b]) => b - a).map(([name]) => name),
    }))
    .sort((a, b) => b.count - a.count || b.lastAt - a.lastAt)
}
