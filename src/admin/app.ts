/**
 * The admin: builds the Fastify app of pages, API, board and metrics, and listens to nothing. It is handed the queues, and
 * answers while Redis is away, too: that it is.
 */
import { setTimeout as pause } from 'node:timers/promises'
import swagger from '@fastify/swagger'
import { type FastifyInstance, fastify } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { isOfRedis } from '../queue/away.ts'
import { errorGroupsOf } from '../queue/error-groups.ts'
import type { Overview } from '../queue/overview.ts'
import type { OpenQueues } from '../queue/queues.ts'
import { guardAccess } from './access.ts'
import { looks } from './api/looks.ts'
import { steering } from './api/steering.ts'
import { board } from './board.ts'
import { type Credentials, givenCredentials, madeCredentials } from './credentials.ts'
import { guardBrowsers } from './headers.ts'
import { isLoopback } from './loopback.ts'
import { maskAnswer } from './masking.ts'
import { pageRoutes } from './pages/routes.ts'
import { answerRefusals, refusalText } from './refusals.ts'

export type AdminDeps = {
  readonly queues: OpenQueues
  /** Shared by all who ask for it, so that the walk over the lanes is made once. */
  readonly overview: () => Promise<Overview>
  /** What `/metrics` serves. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  readonly config: Config['admin'] & Pick<Config['ingress'], 'timeZones' | 'sources'>
  readonly version: string
  readonly log: Log
}

export type Admin = {
  /** Ready for `listen` or `inject`. */
  readonly app: FastifyInstance
  /**
   * Waits for Redis as long as it takes, then makes the password if one is to be made, and looks for the first time.
   * @throws BridgeError BRIDGE_SHARDS if SHARDS is not what Redis holds; an AbortError if `signal` says stop.
   */
  begin(signal?: AbortSignal): Promise<void>
  /** Answers what is under way, a replay cut short included, then closes; after five seconds it cuts what is left. */
  close(): Promise<void>
}

/** The longest body that means something: a selector. */
const maxBodyBytes = 65_536
/** A lane in an address, URL-encoded; Fastify's 100 would refuse many. */
const maxParamLength = 2_000
const maxConnections = 500
const closeLimitMs = 5_000

/** The app of the admin. */
export async function buildAdmin(deps: AdminDeps): Promise<Admin> {
  const { queues, overview, metrics, config, version, log } = deps
  const credentials = credentialsFor(deps)
  const app = fastify({
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength },
    requestTimeout: 10_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    return503OnClosing: false,
  })
  app.server.maxConnections = maxConnections
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.removeContentTypeParser('text/plain')
  answerRefusals(app, log)
  await guardBrowsers(app)
  await guardAccess(app, credentials, log)

  healthRoutes(app, queues)
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
  await app.register(swagger, {
    openapi: {
      info: { title: 'Simotel bridge', version, description: 'See and steer: docs/operations.md says how.' },
      components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
      ...(credentials === undefined ? {} : { security: [{ basic: [] }] }),
    },
    hideUntagged: true,
    transform: jsonSchemaTransform,
  })
  // One for API and pages: it remembers what it has read.
  const groups = errorGroupsOf(queues)
  const masked: <T>(value: T) => T = config.maskNumbers ? maskAnswer : (value) => value
  await app.register(looks({ queues, overview, groups, masked }), { prefix: '/api' })
  await app.register(steering(queues), { prefix: '/api' })
  app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  await board(app, { queues, maskNumbers: config.maskNumbers, log })
  await pageRoutes(app, { queues, overview, groups, config, log })
  return {
    app,
    async begin(signal) {
      await untilReady(queues, log, signal)
      await credentials?.prepare()
      // The first walk over many lanes takes longest: not when somebody waits for it.
      overview().catch(() => {})
    },
    async close() {
      // A connection that never sent anything would keep it open.
      const cut = setTimeout(() => app.server.closeAllConnections(), closeLimitMs)
      await app.close()
      clearTimeout(cut)
    },
  }
}

/** Undefined where nobody is asked for any: on loopback without ADMIN_PASSWORD. */
function credentialsFor({ queues, config, log }: AdminDeps): Credentials | undefined {
  const { username, password, host } = config
  if (password !== undefined) return givenCredentials(username, password)
  return isLoopback(host) ? undefined : madeCredentials({ queues, username, log })
}

/** `/healthz`: the loop turns. `/readyz`: Redis can be asked. No credentials, nothing secret in the answers. */
function healthRoutes(app: FastifyInstance, { redis }: OpenQueues): void {
  app.get('/healthz', { schema: { hide: true } }, async () => ({ ok: true }))
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    if (redis.status === 'ready') return { ok: true, redis: redis.status }
    const message = 'Redis cannot be asked now; pages and API are back when it is.'
    const text = refusalText({ status: 503, code: 'BRIDGE_UNAVAILABLE', message })
    return reply.code(503).type('application/json; charset=utf-8').send(text)
  })
}

async function untilReady(queues: OpenQueues, log: Log, signal?: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await queues.ready()
      return
    } catch (error) {
      if (!isOfRedis(error)) throw error
      log.debug({ error: String(error) }, 'waiting for redis')
      await pause(500, undefined, signal === undefined ? {} : { signal })
    }
    signal?.throwIfAborted()
  }
}
