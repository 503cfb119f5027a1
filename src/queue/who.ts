/**
 * Who: which lanes a phone number or an extension was seen in, for the search. Written in the step in which an event becomes final, or
 * beside an attempt that takes long or does not end so; kept as long as completed events are.
 */
import type { Event } from '../event/event.ts'
import type { Outcome } from '../event/outcome.ts'
import { searchTermsOf } from '../event/search-terms.ts'
import { type Connection, runFound } from './fused/commands.ts'
import type { ShardKeys } from './keys.ts'

/** Lanes of which a process remembers what it has written lately; events of one call name the same numbers. */
const maxRemembered = 10_000

/** Longest text of one lane's terms: that of an extension or a trunk could grow with every call. */
const maxTermsText = 1_000

/** How long that is remembered: a lane that goes on must stay among the latest, and must not expire. */
const rememberedMs = 60_000

/** An attempt that takes longer than this, or twice this at most, is found by the search while it lasts. */
const foundAfterMs = 500

/** What is to be written for one event: the text that the scripts take, '' if it was all written lately. */
export type News = {
  readonly text: string
  /** To be called once it is written. */
  written(): void
}

export type WhoIndex = {
  /**
   * Runs an attempt. What is new of its event is written beside it if it takes long, or does not make the event final; else it
   * is handed back, to be written with the end.
   */
  beside(event: Event, attempt: () => Promise<Outcome>): Promise<{ readonly outcome: Outcome; readonly news?: News }>
  stop(): void
}

export type WhoOptions = {
  /** How long a lane is found, in milliseconds. */
  readonly retentionMs: number
  /** Told of what Redis refused: the search will not find that event by its numbers. */
  readonly onRefused: (event: Event, error: unknown) => void
  /** Epoch milliseconds; the clock by default. */
  readonly now?: () => number
}

export function whoIndex(
  redis: Connection,
  keys: ShardKeys,
  { retentionMs, onRefused, now = Date.now }: WhoOptions,
): WhoIndex {
  const seen: Seen = new Map()

  const newsOf = (event: Event): News => {
    const { lane } = event
    const known = seen.get(lane)
    const isLate = known !== undefined && known.at > now() - rememberedMs && known.terms.length < maxTermsText
    const lately = isLate ? known : undefined
    const terms = searchTermsOf(event)
    const fresh = lately === undefined ? terms : terms.filter((term) => !lately.terms.includes(`,${term},`))
    if (fresh.length === 0) return nothing
    return new Fresh(seen, event, fresh.join(','), lately ?? { terms: ',', at: now() })
  }

  /** Never rejects. */
  const write = async (event: Event): Promise<void> => {
    const news = newsOf(event)
    if (news.text === '') return
    try {
      await runFound(redis, keys, retentionMs, [news.text])
      news.written()
    } catch (error) {
      onRefused(event, error)
    }
  }

  /** Since when, by a clock that never steps. */
  const running = new Map<Event, number>()
  const timer = setInterval(() => {
    const since = performance.now() - foundAfterMs
    for (const [event, startedAt] of running) if (startedAt <= since) void write(event)
  }, foundAfterMs).unref()

  return {
    stop: () => clearInterval(timer),
    async beside(event, attempt) {
      running.set(event, performance.now())
      const outcome = await attempt().finally(() => running.delete(event))
      if (outcome.status !== 'retry' && outcome.status !== 'later') return { outcome, news: newsOf(event) }
      await write(event)
      return { outcome }
    },
  }
}

/** The terms written of a lane, with commas around each, and since when. */
type Written = { readonly terms: string; readonly at: number }

/** By lane. */
type Seen = Map<string, Written>

/** No function of its own, which would be kept past every collection of young objects (see runner/context.ts). */
class Fresh implements News {
  readonly text: string
  private readonly seen: Seen
  private readonly lane: string
  private readonly next: Written

  constructor(seen: Seen, { receivedAt, lane }: Event, terms: string, lately: Written) {
    this.text = `${receivedAt.getTime()} ${terms} ${lane}`
    this.seen = seen
    this.lane = lane
    this.next = { terms: `${lately.terms}${terms},`, at: lately.at }
  }

  written(): void {
    if (this.seen.size > maxRemembered) this.seen.clear()
    this.seen.set(this.lane, this.next)
  }
}

const nothing: News = { text: '', written() {} }
