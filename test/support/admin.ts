/**
 * An admin for tests: the real app over the lanes of a world, asked without a socket.
 */
import type { TestContext } from 'node:test'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { type Admin, buildAdmin } from '../../src/admin/app.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { createLog, type Log } from '../../src/log.ts'
import { queueMetrics } from '../../src/metrics.ts'
import { figuresOf } from '../../src/queue/figures.ts'
import { type OverviewOptions, overviewOf } from '../../src/queue/overview.ts'
import { openQueues } from '../../src/queue/queues.ts'
import type { LogLine } from './ingress.ts'

export type Answer = {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly text: string
  readonly headers: Record<string, unknown>
}

export type TestAdmin = {
  readonly app: FastifyInstance
  readonly begin: Admin['begin']
  readonly lines: LogLine[]
  get(url: string, headers?: Record<string, string>): Promise<Answer>
  /** As a script does: JSON, neither Origin nor Sec-Fetch-Site. */
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** The admin over queues of its own, as its process has it; closed when the test ends. */
export async function startAdmin(
  t: TestContext,
  config: Config,
  log: Log,
  options: OverviewOptions = {},
): Promise<Admin> {
  const { sources, timeZones } = config.ingress
  const queues = openQueues({ redis: config.redis, keys: config.keys, sources, timeZones, log })
  const overview = overviewOf(queues, options)
  const admin = await buildAdmin({
    queues,
    overview,
    metrics: queueMetrics(figuresOf(queues, overview)),
    config: { ...config.admin, sources, timeZones },
    version: '1.2.3',
    log,
  })
  t.after(async () => {
    await admin.close()
    await queues.close()
  })
  return admin
}

/** An admin with these settings (as in the environment); closed when the test ends. It has not begun yet. */
export async function testAdmin(t: TestContext, env: Record<string, string>): Promise<TestAdmin> {
  const config = loadConfig(env)
  const lines: LogLine[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const { app, begin } = await startAdmin(t, config, log, { everyMs: 0 })
  const ask = async (options: InjectOptions): Promise<Answer> => {
    const { statusCode: status, payload: text, headers } = await app.inject({ remoteAddress: '192.0.2.7', ...options })
    const isJson = String(headers['content-type']).startsWith('application/json')
    return { status, text, headers, body: isJson ? JSON.parse(text) : {} }
  }
  return {
    app,
    begin,
    lines,
    get: (url, headers = {}) => ask({ method: 'GET', url, headers: { host: 'localhost:3001', ...headers } }),
    post: (url, body, headers = {}) =>
      ask({
        method: 'POST',
        url,
        headers: { host: 'localhost:3001', 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(body),
      }),
  }
}

/** HTTP Basic as a header. */
export function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
