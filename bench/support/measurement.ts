/**
 * One measurement of one side: what a case needs to start what it measures. Everything it starts ends with it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../scripts/bootstrap/redis-server.ts'
import type { LoadOptions, LoadResult } from '../load/generator.ts'
import type { Built } from './build.ts'
import { account, eventsPerCall } from './payload.ts'
import { type RedisServer, startRedis } from './redis.ts'
import type { Scope, Started } from './scope.ts'

export type Server = { readonly process: Started; readonly port: number; readonly path: string }

/** A load, where it differs from 64 connections, and 250 calls of eight events side by side. */
export type LoadPlan = Pick<LoadOptions, 'warmUpMs' | 'measureMs'> & Partial<LoadOptions>

export type Measurement = {
  readonly scope: Scope
  /** A short look whether everything works; its figures mean nothing. */
  readonly isQuick: boolean
  /** Path of a compiled file or folder, by its source. */
  readonly file: Built
  redis(): Promise<RedisServer>
  /** A compiled file as a process of its own; it answers in lines of JSON. `flags` are Node's. */
  node(
    source: string,
    env?: Readonly<Record<string, string>>,
    args?: readonly string[],
    flags?: readonly string[],
  ): Started
  /** A reference that listens (`bench/references/<name>.ts`). */
  reference(name: string, redis?: RedisServer): Promise<Server>
  /** The ingress as it ships, ready and with its Redis. */
  ingress(redis: RedisServer, options?: BridgeOptions): Promise<Server & { readonly metrics: string }>
  /** The admin as it ships. It may not be ready yet. */
  admin(redis: RedisServer, options?: BridgeOptions): Promise<Started>
  /** The worker as it ships; its processors do nothing unless `env` names others. It may not be ready yet. */
  worker(redis: RedisServer, options?: BridgeOptions): Started
  /** Runs the load generator to its end. */
  load(server: Server, plan: LoadPlan): Promise<LoadResult>
}

export type BridgeOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Flags of Node itself. */
  readonly flags?: readonly string[]
}

export function openMeasurement(scope: Scope, file: Built, isQuick: boolean): Measurement {
  const credentials = { SIMOTEL_USERNAME: account.username, SIMOTEL_PASSWORD: account.password }
  const node: Measurement['node'] = (source, env = {}, args = [], flags = []) =>
    scope.start(source, process.execPath, [...flags, file(source), ...args], { env, answers: true })
  const bridge = (kind: string, redis: RedisServer, { env = {}, flags = [] }: BridgeOptions) =>
    scope.start(`the ${kind}`, process.execPath, [...flags, file(`src/main/${kind}.ts`)], {
      env: { ...credentials, REDIS_URL: redis.url, LOG_LEVEL: 'warn', ...env },
    })

  return {
    scope,
    isQuick,
    file,
    node,
    redis: () => startRedis(scope),

    async reference(name, redis) {
      const port = await freePort()
      const env = { ...credentials, PORT: `${port}`, ...(redis && { REDIS_URL: redis.url }) }
      const started = node(`bench/references/${name}.ts`, env)
      await started.answer()
      return { process: started, port, path: '/simotel/' }
    },

    async ingress(redis, { env = {}, flags = [] } = {}) {
      const port = await freePort()
      const metricsPort = await freePort()
      const started = bridge('ingress', redis, {
        env: {
          INGRESS_HOST: '127.0.0.1',
          INGRESS_PORT: `${port}`,
          METRICS_PORT: `${metricsPort}`,
          SPOOL_DIR: scope.folder(),
          ...env,
        },
        flags,
      })
      await untilReady(`http://127.0.0.1:${port}/readyz`, started)
      return { process: started, port, path: '/simotel/', metrics: `http://127.0.0.1:${metricsPort}/metrics` }
    },

    async admin(redis, { env = {}, flags = [] } = {}) {
      return bridge('admin', redis, { env: { ADMIN_PORT: `${await freePort()}`, ...env }, flags })
    },

    worker: (redis, { env = {}, flags = [] } = {}) =>
      bridge('worker', redis, { env: { WORKERS_DIR: file('bench/processors/nothing'), ...env }, flags }),

    load({ port, path }, plan) {
      const options: LoadOptions = {
        port,
        path,
        connections: 64,
        firstCall: 0,
        eventsPerCall,
        callsAtOnce: 250,
        watch: {},
        ...plan,
      }
      const generator = node('bench/load/generator.ts', {}, [JSON.stringify(options)])
      return generator.answer(options.warmUpMs + options.measureMs + 60_000) as Promise<unknown> as Promise<LoadResult>
    },
  }
}

/** Ready, and not by its spool alone. */
async function untilReady(url: string, started: Started): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    const state = await fetch(url)
      .then((reply) => reply.json() as Promise<{ redis?: { ready?: boolean } }>)
      .catch(() => undefined)
    if (state?.redis?.ready) return
    await pause(25)
  }
  await started.stop()
  throw new Error(`${started.name} does not get ready`)
}
