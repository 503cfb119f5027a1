/**
 * bull-board at `/board`, for those who want to see BullMQ's own view: read-only on every shard, since a retry there would go
 * past the lane. It shows no more than the pages do: numbers masked where they are.
 */
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { FastifyInstance } from 'fastify'
import { RedisUnavailableError } from '../errors.ts'
import { wholeOf } from '../event/stored-whole.ts'
import type { Log } from '../log.ts'
import { maskEvent, maskNumbers as masked } from '../mask.ts'
import { openBoardQueues } from '../queue/board-queues.ts'
import type { Queues } from '../queue/queues.ts'
import { refusalOf, refusalText } from './refusals.ts'

const basePath = '/board'

/** Seconds between two looks of an open board; each asks every shard. */
const pollSeconds = 10

/** Its page has inline styles and a base address of its own; scripts are files of ours here, too. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';')

/** Fonts from elsewhere: the policy would refuse them, and tell somebody else that a board is open. */
const foreignLinks = /<link href="https:\/\/[^>]*>/g

export type BoardOptions = { readonly queues: Queues; readonly maskNumbers: boolean; readonly log: Log }

/** Registers the board. While Redis is away it answers 503. */
export async function board(app: FastifyInstance, { queues, maskNumbers, log }: BoardOptions): Promise<void> {
  const server = new FastifyAdapter()
  server.setBasePath(basePath)
  createBullBoard({
    serverAdapter: server,
    queues: openBoardQueues(queues, log).map(({ shard, queue }) => {
      const adapter = new BullMQAdapter(queue, {
        readOnlyMode: true,
        allowRetries: false,
        prefix: `shard ${shard}: `,
        description: 'Heads of lanes only. Replay and Discard are on the pages: a retry here would go past the lane.',
        externalJobUrl: ({ data }) => ({ href: pageOf(wholeOf(data), maskNumbers), displayText: 'Timeline' }),
      })
      // With nothing left out: the body as it came is what one looks for.
      adapter.setFormatter('data', maskNumbers ? (data) => maskEvent(wholeOf(data)) : wholeOf)
      if (maskNumbers) adapter.setFormatter('returnValue', maskEvent)
      return adapter
    }),
    options: {
      uiConfig: {
        boardTitle: 'Simotel bridge',
        hideDocsLink: true,
        miscLinks: [{ text: 'Ops page', url: '/' }],
        pollingInterval: { forceInterval: pollSeconds, showSetting: false },
        // A CLIENT LIST for every shard at every look; the ops page knows the workers by their heartbeats.
        showWorkers: false,
      },
    },
  })
  // It answers errors itself, those of access too.
  server.setErrorHandler((error) => {
    const { status, code, message } = refusalOf(error)
    if (status === 500) log.error({ err: error }, 'request failed')
    return { status: status as 500, body: { ok: false, code, message, error: message } }
  })
  await app.register(
    async (scope) => {
      scope.addHook('onRequest', async (_request, reply) => {
        reply.header('content-security-policy', policy)
        if (queues.redis.status === 'ready') return
        const refusal = refusalOf(new RedisUnavailableError('Redis cannot be asked now; the board is back when it is.'))
        return reply.code(refusal.status).type('application/json; charset=utf-8').send(refusalText(refusal))
      })
      scope.addHook('onSend', async (_request, reply, payload) =>
        typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
          ? payload.replace(foreignLinks, '')
          : payload,
      )
      await scope.register(server.registerPlugin())
    },
    { prefix: basePath },
  )
}

/** The page of what a job belongs to: its call, else its lane; of a masked one the search, since its name holds a number. */
function pageOf(data: unknown, isMasked: boolean): string {
  const { callId, lane, source } = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>
  const isShown = (text: string) => !isMasked || masked(text) === text
  if (typeof callId === 'string' && isShown(callId)) {
    return `/calls/${encodeURIComponent(callId)}?source=${encodeURIComponent(String(source ?? 'default'))}`
  }
  return typeof lane === 'string' && isShown(lane) ? `/lanes/${encodeURIComponent(lane)}` : '/'
}
