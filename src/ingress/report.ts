/**
 * One place that is told of every request that became no event: it logs (not a line each, or a scanner fills the disk)
 * and lets its listeners know, first contact and the counter.
 */
import type { Log } from '../log.ts'
import { createWindowCount } from './throttle.ts'

/** Why a request became no event. */
export type Sight =
  | 'opened'
  | 'component'
  | 'unauthorized'
  | 'forbidden'
  | 'elsewhere'
  | 'method'
  | 'too-large'
  | 'slow'
  | 'broken'
  | 'unreadable'
  | 'crowded'
  | 'failed'
  /** An event that neither Redis nor the spool took. */
  | 'unavailable'
  /** An event that Redis will never take: its lane is full, or it cannot be stored. */
  | 'refused'

/** How an event came, and its name: labels, so nothing else of it. */
export type About = { readonly event: string; readonly transport: Transport }

/** By what the request looks like, as the normaliser reads it, and not by its content type, which is often wrong. */
export type Transport = 'get' | 'json' | 'form' | 'other'

/** `detail` is short and already free of secrets. */
export type Report = (sight: Sight, from: string, detail?: string, about?: About) => void

const texts: Partial<Record<Sight, string>> = {
  component: 'dialplan component request refused: give the component an address of its own, not the bridge',
  unauthorized: 'webhook refused: wrong or missing user name or password',
  forbidden: 'webhook refused: its address is not in ALLOWED_IPS',
  elsewhere: 'request outside WEBHOOK_PATH',
  method: 'request with a method other than GET or POST',
  'too-large': 'webhook refused: body over MAX_BODY_BYTES',
  slow: 'request did not arrive in time',
  broken: 'connection that speaks no HTTP/1.1',
  unreadable: 'request that could not be read to its end',
  crowded: 'connection refused: as many as can be are open',
}

const quietMs = 10_000

/** Each kind is logged at warn, at most once in 10 s, with how many came since the last line. */
export function createReport(log: Log, now: () => number, ...listeners: readonly Report[]): Report {
  const lines = createWindowCount(quietMs, now)
  const unsaid = new Map<Sight, number>()
  return (sight, from, detail, about) => {
    for (const listen of listeners) listen(sight, from, detail, about)
    const text = texts[sight]
    if (text === undefined) return
    if (lines.add(sight) > 1) return void unsaid.set(sight, (unsaid.get(sight) ?? 0) + 1)
    const more = unsaid.get(sight)
    unsaid.delete(sight)
    log.warn({ from, ...(detail && { detail }), ...(more && { alsoSinceLastLine: more }) }, text)
  }
}
