/**
 * Settings: the environment becomes one frozen object, or one error that lists everything wrong at once.
 * Reads nothing itself: main hands it process.env. An empty value is an unset one.
 * What each setting accepts stands in settings.ts.
 */
import type { z } from 'zod'
import { ConfigError } from './errors.ts'
import { type SettingName, secretSettings, settings } from './settings.ts'

export { type SettingName, settings }

export type Env = Readonly<Record<string, string | undefined>>

type Values = { readonly [K in SettingName]: z.output<(typeof settings)[K]> }

/** Settings grouped by who needs them. Pieces take the part or the values they need, never the whole. */
export type Config = Readonly<ReturnType<typeof group>>

/**
 * The settings of one process, frozen.
 * @throws ConfigError with a sentence for every setting that is wrong, all at once.
 */
export function loadConfig(env: Env): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(settings) as SettingName[]) {
    const text = env[name] === '' ? undefined : env[name]
    const parsed = settings[name].safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else
      problems.push(
        `${name}=${shown(name, text)} is not accepted: give ${parsed.error.issues.map((issue) => issue.message).join('; ')}.`,
      )
  }
  problems.push(...contradictions(values as Partial<Values>, env))
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze(group(values as Values))
}

/** One flat object for the log line at start: every setting as text, secrets as `set` or `unset`, passwords in URLs hidden. */
export function describeConfig(env: Env): Record<string, string> {
  const shownSettings: Record<string, string> = {}
  for (const name of Object.keys(settings) as SettingName[]) {
    const text = env[name] === '' ? undefined : env[name]
    if (text !== undefined) shownSettings[name] = shown(name, text)
  }
  return shownSettings
}

function shown(name: SettingName, text: string | undefined): string {
  if (secretSettings.has(name)) return text === undefined ? 'unset' : 'set'
  return (text ?? '')
    .replace(/^([a-z]+:\/\/)?.*@/i, '$1***@')
    .replace(/([?&][^=&]*pass[^=&]*=)[^&]*/gi, '$1***')
    .slice(0, 200)
}

/** What no single setting can know: pairs that need each other, figures that contradict each other. */
function contradictions(values: Partial<Values>, env: Env): string[] {
  const problems: string[] = []
  const isSet = (name: SettingName) => env[name] !== undefined && env[name] !== ''
  const needs = (name: SettingName, other: SettingName, why: string) => {
    if (isSet(name) && !isSet(other)) problems.push(`${name} is set and ${other} is not: ${why}.`)
  }
  needs('SIMOTEL_USERNAME', 'SIMOTEL_PASSWORD', 'set both to ask Simotel for HTTP Basic, or neither')
  needs('SIMOTEL_PASSWORD', 'SIMOTEL_USERNAME', 'set both to ask Simotel for HTTP Basic, or neither')
  needs('SIMOTEL_PASSWORD_NEXT', 'SIMOTEL_PASSWORD', 'it is the second of two valid passwords during a change')
  needs('REDIS_SENTINELS', 'REDIS_SENTINEL_NAME', 'name the master that the sentinels watch')
  needs('REDIS_SENTINEL_NAME', 'REDIS_SENTINELS', 'it is the name of the master that those sentinels watch')
  needs('OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'they are sent to the collector that it names')
  if (isSet('REDIS_SENTINELS') && isSet('REDIS_CLUSTER_NODES')) {
    problems.push('REDIS_SENTINELS and REDIS_CLUSTER_NODES are both set: give one of them.')
  }
  const { BACKOFF_FIRST_MS: first, BACKOFF_MAX_MS: max } = values
  if (first !== undefined && max !== undefined && first > max) {
    problems.push(`BACKOFF_FIRST_MS=${first} is above BACKOFF_MAX_MS=${max}: the first wait cannot be the longer one.`)
  }
  const known = new Set([...(values.SOURCES ?? []), 'default'])
  for (const source of Object.keys(values.SIMOTEL_TIMEZONE?.bySource ?? {})) {
    if (!known.has(source))
      problems.push(
        `SIMOTEL_TIMEZONE names the source ${source}, which SOURCES does not list: add it there or remove it here.`,
      )
  }
  return problems
}

function group(v: Values) {
  return {
    redis: {
      url: v.REDIS_URL,
      tlsCa: v.REDIS_TLS_CA,
      sentinels: v.REDIS_SENTINELS ?? [],
      sentinelName: v.REDIS_SENTINEL_NAME,
      clusterNodes: v.REDIS_CLUSTER_NODES ?? [],
      waitReplicas: v.REDIS_WAIT_REPLICAS,
      enqueueTimeoutMs: v.ENQUEUE_TIMEOUT_MS,
    },
    keys: { prefix: v.KEY_PREFIX, shards: v.SHARDS },
    ingress: {
      host: v.INGRESS_HOST,
      port: v.INGRESS_PORT,
      webhookPath: v.WEBHOOK_PATH,
      sources: v.SOURCES,
      timeZones: v.SIMOTEL_TIMEZONE,
      credentials:
        v.SIMOTEL_USERNAME === undefined || v.SIMOTEL_PASSWORD === undefined
          ? undefined
          : {
              username: v.SIMOTEL_USERNAME,
              passwords: [
                v.SIMOTEL_PASSWORD,
                ...(v.SIMOTEL_PASSWORD_NEXT === undefined ? [] : [v.SIMOTEL_PASSWORD_NEXT]),
              ],
            },
      allowedIps: v.ALLOWED_IPS,
      trustProxy: v.TRUST_PROXY,
      maxBodyBytes: v.MAX_BODY_BYTES,
      duplicateWindowMs: v.DUPLICATE_WINDOW_MS,
    },
    spool: { dir: v.SPOOL_DIR, maxBytes: v.SPOOL_MAX_BYTES },
    lanes: {
      deadHead: v.DEAD_HEAD,
      maxLaneEvents: v.MAX_LANE_EVENTS,
      retentionMs: v.RETENTION_HOURS * 3_600_000,
      retentionMaxEvents: v.RETENTION_MAX_EVENTS,
    },
    worker: {
      dir: v.WORKERS_DIR,
      concurrency: v.WORKER_CONCURRENCY,
      timeoutMs: v.PROCESSOR_TIMEOUT_MS,
      attempts: v.ATTEMPTS,
      backoffFirstMs: v.BACKOFF_FIRST_MS,
      backoffMaxMs: v.BACKOFF_MAX_MS,
      retryLaterMaxMs: v.RETRY_LATER_MAX_MS,
    },
    admin: {
      host: v.ADMIN_HOST,
      port: v.ADMIN_PORT,
      username: v.ADMIN_USERNAME,
      password: v.ADMIN_PASSWORD,
      maskNumbers: v.MASK_NUMBERS,
    },
    drainTimeoutMs: v.DRAIN_TIMEOUT_MS,
    metricsPort: v.METRICS_PORT,
    tracing: { endpoint: v.OTEL_EXPORTER_OTLP_ENDPOINT, headers: v.OTEL_EXPORTER_OTLP_HEADERS ?? {} },
    logLevel: v.LOG_LEVEL,
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}

/** The zone of dates without one, for events of `source`. */
export function timeZoneOf(timeZones: Config['ingress']['timeZones'], source: string): string {
  return timeZones.bySource[source] ?? timeZones.all
}
