/**
 * Access to the admin: HTTP Basic where a password is needed, and the names it may be called by where none is. `/healthz` and
 * `/readyz` are open. Failed logins are throttled per address; right ones pass at any time.
 */
import basicAuth from '@fastify/basic-auth'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log } from '../log.ts'
import type { Credentials } from './credentials.ts'
import { isLoopback } from './loopback.ts'
import { RefusedError, unauthorized } from './refusals.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks: the user name of HTTP Basic; `local` where no password is needed. */
    operator: string
  }
}

/** Failed logins of one address in a minute that are answered 401. */
const failuresPerMinute = 20

const open = new Set(['/healthz', '/readyz'])

/** Asks everybody for these credentials; without any, lets in whoever calls this machine by a name of its own. */
export async function guardAccess(app: FastifyInstance, credentials: Credentials | undefined, log: Log): Promise<void> {
  app.decorateRequest('operator', 'local')
  if (credentials === undefined) {
    app.addHook('onRequest', async (request) => {
      if (!open.has(pathOf(request)) && !isOwnName(request.headers.host)) throw new RefusedError(foreignName)
    })
    return
  }
  await app.register(rateLimit, { global: false })
  const countFailure = app.createRateLimit({ max: failuresPerMinute, timeWindow: 60_000 })
  await app.register(basicAuth, {
    authenticate: { realm: 'simotel-bridge admin' },
    async validate(username, password, request) {
      if (await credentials.areRight(username, password)) {
        request.operator = username
        return
      }
      const failures = await countFailure(request)
      if (!failures.isAllowed && failures.isExceeded) throw new RefusedError(tooMany)
      log.warn({ from: request.ip }, 'login to the admin failed')
      throw new RefusedError(unauthorized)
    },
  })
  app.addHook('onRequest', (request, reply, next) => {
    if (open.has(pathOf(request))) return next()
    app.basicAuth(request, reply, next as (error?: Error) => void)
  })
}

/** Judged by what was asked for, and not by the route that was found. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

/**
 * Where no password is asked for, a page of a foreign site could have its own name resolve to 127.0.0.1 and read everything as
 * if it were its own (DNS rebinding): the browser sends that name along.
 */
function isOwnName(host: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host ?? '')?.[1] ?? ''
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1'))
}

const foreignName = {
  status: 403,
  code: 'BRIDGE_FORBIDDEN',
  message:
    'Without ADMIN_PASSWORD the admin answers to localhost and 127.0.0.1 only: set one to reach it by another name.',
} as const

const tooMany = {
  status: 429,
  code: 'BRIDGE_UNAUTHORIZED',
  message: 'Too many wrong user names or passwords from this address; right ones are taken at any time.',
} as const
