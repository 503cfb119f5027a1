/**
 * Connections to Redis, two profiles: a producer's fails fast (an event must not wait), a worker's waits for ever.
 * The options were tried against a killed, a stopped and a mute Redis (docs/adr/0001). Names in CLIENT LIST tell them apart.
 */
import { readFileSync } from 'node:fs'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { type Log, limitedLog } from '../log.ts'
import { type Connection, enqueueCommand } from './fused/commands.ts'
import { connectProblem } from './redis-errors.ts'
import { SteadySentinelConnector } from './sentinel.ts'

type RedisConfig = Config['redis']
type Profile = Omit<RedisOptions, 'replyMapping'>

/** What a Cluster needs beside the profile of each of its nodes' connections. */
type ClusterProfile = Pick<ClusterOptions, 'maxRedirections' | 'retryDelayOnFailover' | 'retryDelayOnClusterDown'>

/**
 * Refuses at once while the Cluster is not ready. With ioredis' own switch for that (`enableOfflineQueue`) it would also refuse
 * what is for a node whose connection is just being opened, after every start and every failover.
 */
class ProducerCluster extends Cluster {
  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    const [command] = args
    if (this.status === 'ready' || command.name === 'cluster') return super.sendCommand(...args)
    command.reject(new Error(`the cluster is not ready (${this.status})`))
    return command.promise
  }
}

/** The wait before the next try to connect. BullMQ's default took 6 s to be ready after an outage of 12 s, this one 0.3 s. */
const retryMs = (times: number) => Math.min(50 * times, 500)

/** How often a server that still loads its data is asked again. ioredis waits for as long as the server guesses: 1 s to 10 s. */
const loadingRetryMs = 200

/** How often the map of a Cluster is read anew: a master that hangs instead of dying is found out by nothing else. */
const slotsRefreshMs = 1_000

/**
 * For enqueue, and for those who look: refuses at once while Redis is away, gives up after `enqueueTimeoutMs`, never sends a
 * command twice by itself (a repeat is safe, but it is the caller's to decide). `connectionName` stands in CLIENT LIST.
 * @throws ConfigError if the file of REDIS_TLS_CA cannot be read.
 */
export function connectProducer(config: RedisConfig, log: Log, connectionName: string): Connection {
  const timeoutMs = config.enqueueTimeoutMs
  return connect(
    config,
    log,
    {
      connectionName,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      // They are gathered already: to gather them once more would cost a turn of the loop.
      autoPipeliningIgnoredCommands: [enqueueCommand],
      commandTimeout: timeoutMs,
      connectTimeout: Math.max(500, timeoutMs),
      socketTimeout: timeoutMs + 100,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    },
    { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 },
  )
}

/**
 * For workers and upkeep: commands wait until Redis is back. BullMQ makes its blocking connection from this one.
 * @throws ConfigError if the file of REDIS_TLS_CA cannot be read.
 */
export function connectWorker(config: RedisConfig, log: Log): Connection {
  return connect(
    config,
    log,
    {
      connectionName: 'bridge-worker',
      maxRetriesPerRequest: null,
      // Resend: a script refused as READONLY has done nothing.
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
      // A master that hangs keeps its connections: only the sentinels tell that another has taken its place.
      failoverDetector: true,
      // Then the old connection goes at once: a master that wakes up meanwhile must not hand out events of its own past.
      disconnectTimeout: 100,
    },
    { maxRedirections: Number.MAX_SAFE_INTEGER },
  )
}

function connect(config: RedisConfig, log: Log, profile: Profile, cluster: ClusterProfile): Connection {
  const url = new URL(config.url)
  const tls = url.protocol === 'rediss:' ? authority(config.tlsCa) : undefined
  const options: Profile = {
    ...profile,
    retryStrategy: retryMs,
    maxLoadingRetryTime: loadingRetryMs,
    ...(tls === undefined ? {} : { tls }),
  }
  const account: Profile = {
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  }
  let redis: Connection
  if (config.clusterNodes.length > 0) {
    const ClusterOfProfile = profile.enableOfflineQueue === false ? ProducerCluster : Cluster
    redis = new ClusterOfProfile(config.clusterNodes.map(hostPort), {
      ...cluster,
      // Off: a batch of commands for several slots is not redirected after a failover, single ones are.
      redisOptions: { ...options, ...account, enableAutoPipelining: false },
      clusterRetryStrategy: retryMs,
      slotsRefreshInterval: slotsRefreshMs,
      // A certificate is for a name: with TLS the name is left as it is.
      ...(tls === undefined ? {} : { dnsLookup: (name, done) => done(null, name) }),
    })
  } else if (config.sentinels.length > 0) {
    redis = new Redis({
      ...options,
      ...account,
      db: Number(url.pathname.slice(1)),
      sentinels: config.sentinels.map(hostPort),
      name: config.sentinelName ?? '',
      Connector: SteadySentinelConnector,
      sentinelRetryStrategy: retryMs,
      // A sentinel that hangs must not keep the others from being asked.
      sentinelCommandTimeout: 1_000,
      ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    })
  } else {
    redis = new Redis(config.url, options)
  }
  reportState(redis, log, addressOf(config), tls !== undefined)
  return redis
}

function authority(file: string | undefined): { readonly ca?: Buffer } {
  if (file === undefined) return {}
  try {
    return { ca: readFileSync(file) }
  } catch (error) {
    throw new ConfigError([`REDIS_TLS_CA=${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`])
  }
}

/** What is said of where Redis is: never a password. */
export function addressOf({ url, sentinels, sentinelName, clusterNodes }: RedisConfig): string {
  if (clusterNodes.length > 0) return clusterNodes.join(',')
  if (sentinels.length > 0) return `${sentinelName} of ${sentinels.join(',')}`
  return url.replace(/\/\/[^@/]*@/, '//***@')
}

/** Says once that Redis went away and once that it is back, never a line per try. */
function reportState(redis: Connection, log: Log, address: string, isTls: boolean): void {
  const away = limitedLog(log, { everyMs: 10_000, byError: true })
  let isAway = false
  let wasReady = false
  let silentCloses = 0
  const tell = (error: string) => {
    isAway = true
    silentCloses = 0
    away.warn({ redis: address, error }, 'redis is not reachable, trying again')
  }
  redis.on('error', (error: NodeJS.ErrnoException) => {
    // Of sentinels: said without a cause, it is nothing but the end of one round over them.
    if (/^All sentinels are unreachable.*ms\.$/.test(error.message)) return
    // How a server that never answered ends what it does not understand.
    const isMismatch =
      !wasReady && /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(error.code ?? error.message.split(' ')[1] ?? '')
    const question = isTls ? 'does this port speak TLS (rediss://)?' : 'does this port want TLS (rediss://)?'
    tell(isMismatch ? `${error.message}: ${question}` : connectProblem(error))
  })
  redis.on('node error', (error: Error, node: string) =>
    away.warn({ redis: node, error: connectProblem(error) }, 'a node of redis is not reachable'),
  )
  redis.on('reconnecting', () => {
    silentCloses += 1
    if (silentCloses > 5) tell('each connection is closed at once, without a word')
  })
  redis.on('ready', () => {
    if (isAway) log.info({ redis: address }, 'redis is back')
    isAway = false
    wasReady = true
    silentCloses = 0
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
