/**
 * A request to a service of yours, and what its answer means for the event: try again, later, or never.
 */
import { PermanentError, RetryLaterError } from '#bridge'

export type Request = {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly url: URL
  /** Aborts the request: give it `ctx.signal`. */
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Statuses that are no failure, beside 2xx. */
  readonly accept?: readonly number[]
}

/** Refused for a reason that somebody can put right (password, address), or for the moment: the event is tried again. */
const worthAnotherTry = new Set([401, 403, 404, 408, 425])

/**
 * The answer; of a GET with its body. 429 and 503 that name a time put the event off until then; other 4xx mean that this event will never do, so it becomes a
 * dead letter; everything else that is no success is an error, tried again with backoff.
 */
export async function send({ method, url, signal, headers, body, accept = [] }: Request): Promise<Response> {
  const reply = await fetch(url, {
    method,
    signal,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const { status } = reply
  const isFine = reply.ok || accept.includes(status)
  // Nobody reads it: without this its connection stays open.
  if (!isFine || method !== 'GET') await reply.body?.cancel()
  if (isFine) return reply
  const what = `${url.host} answered ${status}`
  const delayMs = retryAfterMs(reply.headers.get('retry-after'))
  if (status === 429) throw new RetryLaterError(what, { delayMs: delayMs ?? 30_000 })
  if (status === 503 && delayMs !== undefined) throw new RetryLaterError(what, { delayMs })
  if (status >= 400 && status < 500 && !worthAnotherTry.has(status)) throw new PermanentError(what)
  throw new Error(what)
}

/** `path` below a base address that may or may not end in a slash; each part is escaped. */
export function below(base: string, ...parts: readonly string[]): URL {
  return new URL(parts.map(encodeURIComponent).join('/'), base.endsWith('/') ? base : `${base}/`)
}

/** Retry-After is seconds or a date; at least a second and at most an hour is believed. */
function retryAfterMs(text: string | null, now: number = Date.now()): number | undefined {
  if (text === null) return undefined
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 1_000), 3_600_000)
}
