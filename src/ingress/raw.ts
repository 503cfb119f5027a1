/**
 * A request becomes a raw webhook: plain data, every byte of the body kept, credentials taken out of the address.
 * Decodes nothing and judges nothing: that is the normaliser's. Total: any address and any bytes give a raw webhook.
 */
import { isUtf8 } from 'node:buffer'
import type { RawWebhook } from '../event/event.ts'
import { redactPath, redactQuery } from './redact.ts'

/** Path and query of a request, still percent-encoded; the path begins with a slash. */
export type Target = { readonly path: string; readonly query: string }

/** Splits a request's URL as Node gives it. A proxy's `http://host/…` loses its host. */
export function targetOf(url: string): Target {
  const text = url.startsWith('/') ? url : `/${url.replace(/^https?:\/\/[^/?#]*\/?/i, '')}`
  const at = text.indexOf('?')
  return at === -1 ? { path: text, query: '' } : { path: text.slice(0, at), query: text.slice(at + 1) }
}

/** What follows WEBHOOK_PATH, with a leading slash (`/` if nothing does); undefined if the path is not under it. */
export function pathBelow(webhookPath: string, path: string): string | undefined {
  if (webhookPath === '/') return path
  // An address entered as http://host:3000//simotel/ means the same.
  const from = path.startsWith('//') ? path.replace(/^\/+/, '/') : path
  if (!from.startsWith(webhookPath)) return undefined
  if (from.length === webhookPath.length) return '/'
  return from[webhookPath.length] === '/' ? from.slice(webhookPath.length) : undefined
}

/** A raw webhook and the PBX it came from: a name of SOURCES, else `default`. */
export type FromSource = { readonly source: string; readonly raw: RawWebhook }

export type ReadRequest = (
  method: string,
  below: string,
  query: string,
  contentType: string,
  body: Buffer | undefined,
) => FromSource

/** Makes the reader for these SOURCES. A source is found as it is written, else in any case (`/Tehran/` for `tehran`). */
export function createReader(sources: readonly string[]): ReadRequest {
  const bySegment = new Map<string, string>()
  for (const source of sources) bySegment.set(source.toLowerCase(), source)
  for (const source of sources) bySegment.set(source, source)

  return (method, below, query, contentType, body) => {
    const { source, path } = bySegment.size === 0 ? { source: 'default', path: below } : splitSource(bySegment, below)
    const bodyEncoding = body === undefined || isUtf8(body) ? 'utf8' : 'base64'
    return {
      source,
      raw: {
        method,
        path: redactPath(path),
        query: redactQuery(query),
        contentType,
        body: body === undefined ? '' : body.toString(bodyEncoding),
        bodyEncoding,
      },
    }
  }
}

function splitSource(bySegment: ReadonlyMap<string, string>, below: string): { source: string; path: string } {
  let start = 0
  while (below[start] === '/') start++
  const slash = below.indexOf('/', start)
  const end = slash === -1 ? below.length : slash
  const segment = below.slice(start, end)
  const source = bySegment.get(segment) ?? bySegment.get(segment.toLowerCase())
  return source === undefined ? { source: 'default', path: below } : { source, path: below.slice(end) || '/' }
}
