/**
 * The ingress: builds the Fastify app, and listens to nothing. It is handed `enqueue` and knows no Redis.
 *
 * `enqueue` is the only way out of here, and main hands in the one that goes to disk while Redis is away (src/spool).
 */
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { cutText, maskNumbers } from '../mask.ts'
import type { ClaimEventId, Enqueue } from '../queue/lanes.ts'
import { createAccess } from './access.ts'
import { addressesToEnter } from './addresses.ts'
import { answerBrokenClients, answerErrors, refuse } from './answers.ts'
import { watchConnections } from './closing.ts'
import { createEventIds } from './event-ids.ts'
import { type After, createFirstContact } from './first-contact.ts'
import { healthRoutes, type RedisState, type SpoolState } from './health.ts'
import { pathBelow, targetOf } from './raw.ts'
import { redactPath } from './redact.ts'
import { createReport } from './report.ts'
import { type Counts, refuseMethod, typeOfBytes, webhookRoute, webhookUrl } from './webhook.ts'

export type IngressDeps = {
  readonly enqueue: Enqueue
  /** Used only with DUPLICATE_WINDOW_MS above 0; if it throws, the delivery is taken as a new one. */
  readonly claimEventId?: ClaimEventId
  readonly redisState: () => RedisState
  readonly spoolState: () => SpoolState
  readonly config: Config['ingress']
  readonly log: Log
  /** Told what became of every request; by default nobody is. */
  readonly counts?: Counts
  /** Epoch milliseconds; the clock by default. */
  readonly now?: () => number
  /** A uuid v7 by default: sortable by time, no `:`, no integer. */
  readonly newEventId?: () => string
  /** The timer of first contact; a real one by default. */
  readonly after?: After
}

const maxConnections = 5_000
/** Node's 16 KB would refuse a GET that carries the details of a long queue call. */
const maxHeaderBytes = 65_536
const health = new Set(['/healthz', '/readyz'])

const noSchema = () => () => {
  throw new Error('No route of the ingress has a schema: nothing here compiles one.')
}

/** The app of the ingress, ready for `listen` or `inject`. Close it with `closeIngress`, or webhooks are lost on the way. */
export function buildIngress(deps: IngressDeps): FastifyInstance {
  const { enqueue, claimEventId, redisState, spoolState, config, log, now = Date.now, after } = deps
  const { newEventId = createEventIds(now) } = deps
  const firstContact = createFirstContact(log, after)
  const { counts = { received: () => {}, acked: () => {} } } = deps
  const report = createReport(log, now, firstContact.saw, (outcome, _from, _detail, about) =>
    counts.received({ outcome, ...about }),
  )

  const app = fastify({
    bodyLimit: config.maxBodyBytes,
    trustProxy: config.trustProxy === undefined ? false : [...config.trustProxy],
    requestTimeout: 2_000,
    http: {
      headersTimeout: 1_000,
      // Often, so that few are answered at a time: webhooks wait for them.
      connectionsCheckingInterval: 50,
      maxHeaderSize: maxHeaderBytes,
      requireHostHeader: false,
    },
    return503OnClosing: false,
    exposeHeadRoutes: false,
    // Routing is one comparison, made here: the router would refuse what it cannot decode (`%ff`) and long segments.
    rewriteUrl: (request) => routeOf(config.webhookPath, request.url ?? '/'),
    routerOptions: { querystringParser: () => ({}) },
    // No route here has a schema; fastify would load its compilers of schemas all the same: 65 ms of a start of some 900.
    schemaController: { compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema } },
    clientErrorHandler: answerBrokenClients(report),
  })
  app.server.maxConnections = maxConnections
  app.server.on('drop', (connection) => report('crowded', connection?.remoteAddress ?? 'unknown'))
  watchConnections(app)

  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true })
  app.removeAllContentTypeParsers()
  // The second is for requests without a type. The first is what every other is made, and found without being taken apart.
  app.addContentTypeParser([typeOfBytes, '*'], { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  answerErrors(app, { log, report })
  healthRoutes(app, redisState, spoolState)
  webhookRoute(app, {
    enqueue,
    claimEventId,
    config,
    access: createAccess(config, now),
    firstContact,
    report,
    counts,
    log,
    now,
    newEventId,
  })

  app.setNotFoundHandler((request, reply) => {
    if (request.url === webhookUrl) {
      report('method', request.ip, request.method)
      return refuseMethod(reply)
    }
    report('elsewhere', request.ip, shownPath(request))
    const message = `Nothing is here. The address to enter in Simotel is ${hereOf(request)}${config.webhookPath.replace(/\/?$/, '/')}`
    return refuse(reply, { status: 404, code: 'BRIDGE_NOT_FOUND', message })
  })

  app.addHook('onListen', async () => {
    const address = app.server.address()
    const port = address !== null && typeof address === 'object' ? address.port : config.port
    const { host, webhookPath, sources } = config
    const isContainer = existsSync('/.dockerenv')
    firstContact.listening(
      addressesToEnter({ host, port, webhookPath, sources, interfaces: networkInterfaces(), isContainer }),
    )
  })
  app.addHook('onClose', async () => firstContact.stop())
  return app
}

function routeOf(webhookPath: string, url: string): string {
  const { path } = targetOf(url)
  if (health.has(path)) return path
  return pathBelow(webhookPath, path) === undefined ? '/elsewhere' : webhookUrl
}

function shownPath(request: FastifyRequest): string {
  return maskNumbers(cutText(redactPath(targetOf(request.originalUrl).path), 200))
}

/** As the client spells it; what it sent is echoed only if it looks like a host. */
function hereOf(request: FastifyRequest): string {
  const { host } = request.headers
  return host !== undefined && /^[\w.:[\]-]{1,255}$/.test(host) ? `http://${host}` : 'http://HOST:PORT'
}
