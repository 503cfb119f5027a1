/**
 * Live and ready, for load balancers and people. No credentials, nothing secret in the answers.
 */
import type { FastifyInstance } from 'fastify'
import { answer, refuse } from './answers.ts'

export type RedisState = { readonly ready: boolean; readonly detail: string }

/** `/healthz`: the loop turns. `/readyz`: events can be taken; not while draining, so that a load balancer looks elsewhere. */
export function healthRoutes(app: FastifyInstance, redisState: () => RedisState): void {
  app.get('/healthz', (_request, reply) => answer(reply, 200, '{"ok":true}'))

  app.get('/readyz', (_request, reply) => {
    const redis = redisState()
    // The spool's state joins here: room in it is enough to be ready.
    const state = { redis, spool: 'none' }
    const isDraining = app.drain.isDraining
    if (redis.ready && !isDraining) return answer(reply, 200, JSON.stringify({ ok: true, ...state }))
    const message = isDraining ? 'The ingress is shutting down.' : `Events cannot be taken: Redis is not ready.`
    return refuse(reply, { status: 503, code: 'BRIDGE_UNAVAILABLE', message }, state)
  })
}
