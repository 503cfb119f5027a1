/**
 * NewState: who is on the phone right now. Copy it to workers/ to use it.
 * PRESENCE_URL is a store of JSON documents with ETags: GET and PUT of `<source>:<extension>`; whoever shows presence reads
 * `state` there. Without it the processor remembers by itself and logs each change; that memory is
 * this process's own, so with several workers each knows only the events that it ran.
 * Safe to run twice and in several workers: lib/extension.ts ignores what is older than what is known, and If-Match refuses
 * a write if another worker wrote in between; then it reads again.
 */
import { type Context, defineProcessor } from '#bridge'
import { after, type Extension } from '../lib/extension.ts'
import { below, send } from '../lib/http.ts'

const own = new Map<string, Extension>()

export default defineProcessor('NewState', { timeoutMs: 10_000 }, async (event, ctx) => {
  const { exten } = event.data
  if (exten === undefined) return ctx.skip('no extension')
  const key = `${event.source}:${exten}`
  const base = process.env['PRESENCE_URL']
  const change = (before: Extension | null) => after(before, event)

  const { before, now } = base ? await changeStored(below(base, key), change, ctx) : changeOwn(key, change)
  if (before?.state !== now.state) ctx.log.info({ exten, state: now.state, before: before?.state }, 'extension changed')
})

type Change = (before: Extension | null) => Extension
type Changed = { readonly before: Extension | null; readonly now: Extension }

function changeOwn(key: string, change: Change): Changed {
  const before = own.get(key) ?? null
  const now = change(before)
  own.set(key, now)
  return { before, now }
}

async function changeStored(url: URL, change: Change, { signal }: Context): Promise<Changed> {
  for (let tries = 0; tries < 10; tries++) {
    const found = await send({ method: 'GET', url, signal, accept: [404] })
    const etag = found.headers.get('etag')
    if (found.ok && etag === null)
      throw new Error(`${url.host} gives no ETag: two workers could overwrite each other there`)
    const before = found.ok ? ((await found.json()) as Extension) : null
    if (!found.ok) await found.body?.cancel()
    const now = change(before)
    if (now === before) return { before, now }

    const match: Record<string, string> = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag }
    const written = await send({ method: 'PUT', url, headers: match, body: now, signal, accept: [409, 412] })
    if (written.ok) return { before, now }
  }
  throw new Error('other workers kept writing this extension')
}
