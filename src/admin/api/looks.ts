/**
 * The API for those who look: overview, timelines, search, dead letters, errors, blocked lanes.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { listBlocked } from '../../queue/blocked.ts'
import { readDeadLetters } from '../../queue/dead-letters.ts'
import type { ErrorGroups } from '../../queue/error-groups.ts'
import { readProcesses } from '../../queue/heartbeat.ts'
import type { Overview } from '../../queue/overview.ts'
import type { Queues } from '../../queue/queues.ts'
import { search } from '../../queue/search.ts'
import { readCall, readTimeline } from '../../queue/timeline.ts'
import { RefusedError } from '../refusals.ts'
import { blockedAnswer, deadAnswer, errorsAnswer, foundAnswer, overviewAnswer, timelineAnswer } from './answers.ts'
import * as schemas from './schemas.ts'

export type LooksDeps = {
  readonly queues: Queues
  readonly overview: () => Promise<Overview>
  readonly groups: () => Promise<ErrorGroups>
  /** Hides in an answer what must not be shown. */
  readonly masked: <T>(value: T) => T
}

const refusals = { '4xx': schemas.refusal, '5xx': schemas.refusal }

/** Tag, summary and answers of a route, for its schema. */
const told = <S extends z.ZodType>(summary: string, answer: S) => ({
  tags: ['Look'],
  summary,
  response: { 200: answer, ...refusals },
})

/** All of them, to be registered under `/api`. */
export function looks({ queues, overview, groups, masked }: LooksDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/overview',
      { schema: told('How many events are where, how long the oldest waits, which processes live', schemas.overview) },
      async () => overviewAnswer(await overview(), await readProcesses(queues)),
    )

    app.get(
      '/calls/:callId',
      {
        schema: {
          ...told('The timeline of a call', schemas.timeline),
          params: z.object({ callId: z.string() }),
          querystring: schemas.stretchQuery.extend({
            source: z.string().optional().describe('Of several PBXs; default the one that sent it last'),
          }),
        },
      },
      async ({ params: { callId }, query }) =>
        masked(timelineAnswer(await readCall(queues, callId, query)) ?? nothingKept('call')),
    )

    app.get(
      '/lanes/:lane',
      {
        schema: {
          ...told('The timeline of any lane: of a call, an extension, a trunk, …', schemas.timeline),
          params: z.object({ lane: z.string() }),
          querystring: schemas.stretchQuery,
        },
      },
      async ({ params: { lane }, query }) =>
        masked(timelineAnswer(await readTimeline(queues, lane, query)) ?? nothingKept('lane')),
    )

    app.get(
      '/search',
      {
        schema: {
          ...told('Calls and other lanes by what is known of them', schemas.found),
          querystring: schemas.searchQuery,
        },
      },
      async ({ query: { q } }) => masked(foundAnswer(await search(queues, q))),
    )

    app.get(
      '/dead',
      { schema: { ...told('Dead letters', schemas.dead), querystring: schemas.deadQuery } },
      async ({ query: { call, lane, event, error, group, cursor, limit } }) => {
        const filter = { callId: call, lane, event, error, group }
        const page = await readDeadLetters(queues, filter, { cursor, limit })
        return { dead: masked(page.dead.map(deadAnswer)), cursor: page.cursor ?? null }
      },
    )

    app.get('/errors', { schema: told('Dead letters grouped by what went wrong', schemas.errors) }, async () =>
      masked(errorsAnswer(await groups())),
    )

    app.get('/blocked', { schema: told('Lanes that wait for a replay or discard', schemas.blocked) }, async () =>
      masked(blockedAnswer(await listBlocked(queues))),
    )
  }
}

function nothingKept(what: 'call' | 'lane'): never {
  throw new RefusedError({
    status: 404,
    code: 'BRIDGE_NOT_FOUND',
    message: `Nothing is kept of this ${what}: it is unknown, or older than RETENTION_HOURS.`,
  })
}
