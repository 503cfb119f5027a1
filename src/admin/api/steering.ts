/**
 * The API for those who steer: dead letters replayed and discarded by a selector, or a dry run of it. Who did it is recorded.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { type ActionResult, discardSelected, replaySelected } from '../../queue/actions.ts'
import type { Queues } from '../../queue/queues.ts'
import * as schemas from './schemas.ts'

const told = { tags: ['Steer'], body: schemas.selection }
const refusals = { '4xx': schemas.refusal, '5xx': schemas.refusal }

/**
 * Both of them, to be registered under `/api`. An action under way goes on if whoever asked goes away; it ends early when the
 * app closes, and says so.
 */
export function steering(queues: Queues): FastifyPluginAsyncZod {
  return async (app) => {
    const closing = new AbortController()
    app.addHook('preClose', async () => closing.abort())
    const { signal } = closing

    app.post(
      '/replay',
      {
        schema: {
          ...told,
          summary: 'Runs dead letters again, each lane’s in order',
          response: { 200: schemas.replayed, ...refusals },
        },
      },
      async ({ body: { dryRun = false, ...selector }, operator }) => {
        const result = await replaySelected(queues, selector, { who: operator, isDryRun: dryRun, signal })
        return { replayed: result.eventIds.length, ...rest(result, dryRun) }
      },
    )

    app.post(
      '/discard',
      {
        schema: {
          ...told,
          summary: 'Gives dead letters up for good; a lane blocked by one goes on',
          response: { 200: schemas.discarded, ...refusals },
        },
      },
      async ({ body: { dryRun = false, ...selector }, operator }) => {
        const result = await discardSelected(queues, selector, { who: operator, isDryRun: dryRun, signal })
        return { discarded: result.eventIds.length, ...rest(result, dryRun) }
      },
    )
  }
}

function rest({ eventIds, planned, isComplete }: ActionResult, dryRun: boolean) {
  return { eventIds: [...eventIds], planned, isComplete, dryRun }
}
