/**
 * The pages of the admin, as routes: each reads what it shows, and hands it to the file that writes it. They change nothing.
 * Who may see them is decided before (access), as is the policy for scripts and styles.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { BridgeError } from '../../errors.ts'
import { type Log, limitedLog } from '../../log.ts'
import { isOfRedis } from '../../queue/away.ts'
import { readDeadLetters } from '../../queue/dead-letters.ts'
import type { ErrorGroups } from '../../queue/error-groups.ts'
import type { Overview } from '../../queue/overview.ts'
import type { OpenQueues } from '../../queue/queues.ts'
import { search } from '../../queue/search.ts'
import { readCall, readTimeline, type Timeline } from '../../queue/timeline.ts'
import type { What } from './actions.ts'
import { assetRoutes } from './assets.ts'
import { confirmBody, planned } from './confirm.ts'
import { deadBody } from './dead.ts'
import { document, type Page } from './layout.ts'
import { opsBody } from './ops.ts'
import { createOpsReader } from './ops-read.ts'
import { backOf, filterIn, selectorIn, stretchIn, textIn } from './query.ts'
import { searchBody } from './search.ts'
import { createShow } from './show.ts'
import { nothingKept, timelineBody, timelineTitle } from './timeline.ts'
import { timelineText } from './timeline-text.ts'
import { notUnderstood, redisIsAway } from './trouble.ts'

export type PagesDeps = {
  readonly queues: OpenQueues
  readonly config: Pick<Config['admin'], 'maskNumbers'> & Pick<Config['ingress'], 'timeZones'>
  readonly log: Log
  /** Epoch milliseconds; the clock by default. */
  readonly now?: () => number
  /** Shared with the API, as are the groups: each remembers what it has read. */
  readonly overview: () => Promise<Overview>
  readonly groups: () => Promise<ErrorGroups>
}

/** Seconds between two refreshes of a page that is open. */
const refreshSeconds = 5

/** Events of a lane on one page. */
const eventsShown = 100

const retentionNote = 'Completed events are kept for RETENTION_HOURS; dead letters stay.'

/** Adds all pages and their assets. */
export async function pageRoutes(app: FastifyInstance, deps: PagesDeps): Promise<void> {
  const { queues, config, log, now = Date.now, overview, groups } = deps
  const show = createShow(config)
  const ops = createOpsReader(queues, { now, overview, groups })
  const refused = limitedLog(log, { everyMs: 60_000, byError: true })

  const send = (reply: FastifyReply, page: Omit<Page, 'zone'> & { readonly zone?: string }, status = 200) =>
    reply
      .code(status)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(document({ zone: show.zone(), ...page }))

  const sendTimeline = (
    request: FastifyRequest,
    reply: FastifyReply,
    timeline: Timeline,
    sources?: readonly string[],
  ) => {
    const at = now()
    if (textIn(request, 'format') === 'text')
      return reply
        .type('text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(timelineText(timeline, show, at))
    const title = timelineTitle(timeline, show)
    const zone = show.zone(timeline.source)
    if (timeline.events.length === 0)
      return send(reply, { title, body: nothingKept(title, retentionNote), zone, everySeconds: refreshSeconds }, 404)
    const body = timelineBody({ timeline, show, now: at, ...(sources !== undefined && { sources }) })
    return send(reply, { title, body, zone, everySeconds: refreshSeconds })
  }

  await app.register(async (pages) => {
    let watching: { stop(): void } | undefined
    pages.addHook('onReady', async () => {
      watching = ops.watch()
    })
    pages.addHook('onClose', async () => watching?.stop())
    type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
    // Hidden from the description of the API: they are for people.
    const get = (path: string, handler: Handler) =>
      pages.get(path, { schema: { hide: true } }, async (request, reply) => {
        try {
          return await handler(request, reply)
        } catch (error) {
          return failed(error, reply)
        }
      })
    const failed = (error: unknown, reply: FastifyReply) => {
      if (error instanceof BridgeError && error.code === 'BRIDGE_BAD_REQUEST')
        return send(reply, { title: 'Not understood', body: notUnderstood(error.message) }, 400)
      if (!isOfRedis(error)) throw error
      refused.warn({ error: String(error) }, 'page not told: redis cannot be asked')
      return send(reply, { title: 'Redis does not answer', body: redisIsAway, everySeconds: refreshSeconds }, 503)
    }

    assetRoutes(pages)
    get('/', async (_, reply) =>
      send(reply, {
        title: 'Overview',
        body: opsBody(await ops.read(), show),
        everySeconds: refreshSeconds,
        here: '/',
      }),
    )
    // A call id or lane may hold anything, slashes too, and be longer than a parameter may.
    get('/calls/*', async (request, reply) => {
      const options = { ...stretchIn(request), limit: eventsShown, source: textIn(request, 'source') }
      const { sources, ...timeline } = await readCall(queues, pathIn(request), options)
      return sendTimeline(request, reply, timeline, sources)
    })
    get('/lanes/*', async (request, reply) => {
      const lane = show.laneIn(pathIn(request))
      if (lane === undefined) {
        const note =
          'Numbers are masked, and an address without them holds until the admin is started anew: search again.'
        return send(reply, { title: 'Lane', body: nothingKept('Lane', note) }, 404)
      }
      return sendTimeline(
        request,
        reply,
        await readTimeline(queues, lane, { ...stretchIn(request), limit: eventsShown }),
      )
    })
    get('/search', async (request, reply) => {
      const query = textIn(request, 'q') ?? ''
      const found = await search(queues, query)
      return send(reply, { title: 'Search', body: searchBody(query, found, show), query })
    })
    get('/dead', async (request, reply) => {
      const filter = filterIn(request)
      const cursor = textIn(request, 'cursor')
      const [page, grouped] = await Promise.all([readDeadLetters(queues, filter, { cursor, limit: 50 }), groups()])
      const body = deadBody({ page, groups: grouped, filter, isLater: cursor !== undefined, show })
      return send(reply, { title: 'Dead letters', body, everySeconds: refreshSeconds, here: '/dead' })
    })
    for (const what of ['replay', 'discard'] as const satisfies readonly What[]) {
      get(`/dead/${what}`, async (request, reply) => {
        const selector = selectorIn(request)
        const body = confirmBody({ what, selector, plan: await planned(queues, selector), back: backOf(request), show })
        return send(reply, { title: what === 'replay' ? 'Replay' : 'Discard', body })
      })
    }
  })
}

const pathIn = (request: FastifyRequest) => (request.params as { readonly '*': string })['*']
