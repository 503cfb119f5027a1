/**
 * Connections to Redis, two profiles: a producer's fails fast (an event must not wait), a worker's waits for ever.
 * The options were tried against a killed, a stopped and a mute Redis (docs/adr/0001). Names in CLIENT LIST tell them apart.
 */
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Config } from '../config.ts'
import { type Log, limitedLog } from '../log.ts'
import type { Connection } from './fused/commands.ts'

type RedisConfig = Config['redis']
type Profile = Omit<RedisOptions, 'replyMapping'>

/**
 * For enqueue: refuses at once while Redis is away, gives up after `enqueueTimeoutMs`, never sends a command twice by
 * itself (a repeat is safe, but it is the caller's to decide).
 */
export function connectProducer(config: RedisConfig, log: Log): Connection {
  const timeoutMs = config.enqueueTimeoutMs
  return connect(config, log, {
    connectionName: 'bridge-ingress',
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    commandTimeout: timeoutMs,
    connectTimeout: Math.max(500, timeoutMs),
    socketTimeout: timeoutMs + 100,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
  })
}

/** For workers and upkeep: commands wait until Redis is back. BullMQ makes its blocking connection from this one. */
export function connectWorker(config: RedisConfig, log: Log): Connection {
  return connect(config, log, {
    connectionName: 'bridge-worker',
    maxRetriesPerRequest: null,
    // Resend: a script refused as READONLY has done nothing.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  })
}

function connect(config: RedisConfig, log: Log, profile: Profile): Connection {
  const url = new URL(config.url)
  const isTls = url.protocol === 'rediss:'
  const options: Profile = {
    ...profile,
    // BullMQ's default took 6 s to be ready again after an outage of 12 s, this one 0.3 s.
    retryStrategy: (times) => Math.min(50 * times, 500),
    ...(isTls ? { tls: config.tlsCa === undefined ? {} : { ca: readFileSync(config.tlsCa) } } : {}),
  }
  const account: Profile = {
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  }
  let redis: Connection
  if (config.clusterNodes.length > 0) {
    redis = new Cluster(config.clusterNodes.map(hostPort), {
      redisOptions: { ...options, ...account },
      enableOfflineQueue: profile.enableOfflineQueue ?? true,
      enableAutoPipelining: profile.enableAutoPipelining ?? false,
    })
  } else if (config.sentinels.length > 0) {
    redis = new Redis({
      ...options,
      ...account,
      sentinels: config.sentinels.map(hostPort),
      name: config.sentinelName ?? '',
      sentinelRetryStrategy: (times: number) => Math.min(50 * times, 500),
    })
  } else {
    redis = new Redis(config.url, options)
  }
  reportState(redis, log, config.url)
  return redis
}

/** Says once that Redis went away and once that it is back, never a line per try. */
function reportState(redis: Connection, log: Log, url: string): void {
  const address = url.replace(/\/\/[^@/]*@/, '//***@')
  const away = limitedLog(log, { everyMs: 10_000, byError: true })
  let isAway = false
  redis.on('error', (error: Error) => {
    isAway = true
    away.warn({ redis: address, error: error.message }, 'redis is not reachable, trying again')
  })
  redis.on('ready', () => {
    if (isAway) log.info({ redis: address }, 'redis is back')
    isAway = false
  })
}

function hostPort(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) }
}

/** Closes a connection: politely if Redis answers within `limitMs` (default 1 s), else at once. Never rejects. */
export async function disconnect(redis: Connection, limitMs = 1_000): Promise<void> {
  const timer = setTimeout(() => redis.disconnect(), limitMs)
  try {
    if (redis.status === 'ready') await redis.quit()
  } catch {
    // Already gone: that is what was wanted.
  } finally {
    clearTimeout(timer)
    redis.disconnect()
  }
}
