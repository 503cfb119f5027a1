/**
 * Live and ready, for load balancers and people. No credentials, nothing secret in the answers.
 */
import type { FastifyInstance } from 'fastify'
import { answer, refuse } from './answers.ts'

export type RedisState = { readonly ready: boolean; readonly detail: string }
/** Ready while it has room. More fields are shown as they are. */
export type SpoolState = RedisState

/** `/healthz`: the loop turns. `/readyz`: events can be taken; not while draining, so that a load balancer looks elsewhere. */
export function healthRoutes(app: FastifyInstance, redisState: () => RedisState, spoolState: () => SpoolState): void {
  app.get('/healthz', (_request, reply) => answer(reply, 200, '{"ok":true}'))

  app.get('/readyz', (_request, reply) => {
    const redis = redisState()
    const spool = spoolState()
    const state = { redis, spool }
    const isDraining = app.drain.isDraining
    if ((redis.ready || spool.ready) && !isDraining) return answer(reply, 200, JSON.stringify({ ok: true, ...state }))
    const message = isDraining
      ? 'The ingress is shutting down.'
      : 'Events cannot be taken: Redis is not ready, and the spool has no room.'
    return refuse(reply, { status: 503, code: 'BRIDGE_UNAVAILABLE', message }, state)
  })
}
