/**
 * Headers against what a browser may be made to do: no script or style but our own files, no frame, no foreign form, no change
 * on a foreign site's behalf. No token: scripts may change things, too, if they send JSON.
 */
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RefusedError, wrongType } from './refusals.ts'

const readsOnly = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Sets them on every answer, and refuses changes that come from elsewhere or are no JSON. */
export async function guardBrowsers(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // With no-referrer browsers send `Origin: null` with a form of our own.
    referrerPolicy: { policy: 'same-origin' },
    // It speaks HTTP; whoever puts TLS before it sets this there.
    strictTransportSecurity: false,
  })
  app.addHook('onSend', async (_request, reply) => {
    // What is shown is personal data.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
  app.addHook('onRequest', async (request) => {
    if (readsOnly.has(request.method)) return
    if (isForeign(request)) throw new RefusedError(foreign)
    const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
    if (type !== 'application/json') throw new RefusedError(wrongType)
  })
}

/** Browsers say where a request comes from; what is no browser sends neither. */
function isForeign({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  const { origin, host } = headers
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase()
}

const foreign = {
  status: 403,
  code: 'BRIDGE_FORBIDDEN',
  message: 'A change is taken from the pages of this address and from scripts, not from another site.',
} as const
