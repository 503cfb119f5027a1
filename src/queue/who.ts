/**
 * Who: which lanes a phone number or an extension was seen in, for the search. Written beside the first attempt, off
 * the ack path, and kept as long as completed events are.
 */
import type { Event } from '../event/event.ts'
import { searchTermsOf } from '../event/search-terms.ts'
import type { Connection } from './fused/commands.ts'
import type { ShardKeys } from './keys.ts'

/** Lanes kept per number, the latest: an extension takes part in any number of calls. */
const maxLanesPerTerm = 1_000

/** (term, lane) pairs a process remembers to have written lately; events of one call name the same numbers. */
const maxRemembered = 10_000

/** How long a pair is remembered: a lane that goes on must stay among the latest, and must not expire. */
const rememberedMs = 60_000

export type WhoIndex = { record(event: Event): Promise<void> }

export function whoIndex(
  redis: Connection,
  keys: ShardKeys,
  retentionMs: number,
  now: () => number = Date.now,
): WhoIndex {
  /** When each pair was written. */
  const written = new Map<string, number>()
  return {
    async record(event) {
      const at = event.receivedAt.getTime()
      const since = now() - rememberedMs
      const pipeline = redis.pipeline()
      const fresh: string[] = []
      for (const term of searchTermsOf(event)) {
        const pair = `${term} ${event.lane}`
        if ((written.get(pair) ?? 0) > since) continue
        const key = keys.who(term)
        pipeline.zadd(key, at, event.lane)
        pipeline.zremrangebyrank(key, 0, -maxLanesPerTerm - 1)
        pipeline.pexpire(key, retentionMs)
        fresh.push(pair)
      }
      if (fresh.length === 0) return
      const answers = await pipeline.exec()
      const refused = answers?.find(([error]) => error !== null)
      if (refused?.[0]) throw refused[0]
      if (written.size > maxRemembered) written.clear()
      for (const pair of fresh) written.set(pair, now())
    },
  }
}
