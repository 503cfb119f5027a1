/**
 * Settings: the environment becomes one frozen object, or one error that lists everything wrong at once.
 * Reads nothing itself: main hands it process.env. An empty value is an unset one.
 * `.env.example` is kept equal to `settings` by a test.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { ConfigError } from './errors.ts'
import { canonicalName } from './event/catalogue.ts'

export type Env = Readonly<Record<string, string | undefined>>

const wholeNumber = (min: number, max: number, unit: string) =>
  z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `a whole number of ${unit} from ${min} to ${max}`,
    })
    .transform(Number)

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` })

const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

const hostPort = z.string().refine((text) => list(text).every((part) => /^[^:\s]+:\d{1,5}$/.test(part)), {
  error: 'host:port, several separated by commas',
})

const isTimeZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/** `Asia/Tehran` for all, or `tehran=Asia/Tehran,other=UTC` per source. */
const parseTimeZones = (text: string): { all: string; bySource: Record<string, string> } => {
  const bySource: Record<string, string> = Object.create(null)
  let all = 'UTC'
  for (const part of list(text)) {
    const at = part.indexOf('=')
    if (at === -1) all = part
    else bySource[part.slice(0, at)] = part.slice(at + 1)
  }
  return { all, bySource }
}

const timeZones = z
  .string()
  .refine(
    (text) => {
      const { all, bySource } = parseTimeZones(text)
      return [all, ...Object.values(bySource)].every(isTimeZone)
    },
    { error: 'an IANA zone such as Asia/Tehran, or one per source: tehran=Asia/Tehran,other=UTC' },
  )
  .transform(parseTimeZones)

const isCidr = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
}

const cidrs = z
  .string()
  .refine((text) => list(text).every(isCidr), {
    error: 'addresses or CIDR ranges separated by commas, such as 10.0.0.0/8,192.168.1.5',
  })
  .transform(list)

/** A path a proxy or a PBX can be given; no trailing slash kept, `/` alone is the root. */
const webhookPath = z
  .string()
  .refine((text) => /^\/[A-Za-z0-9\-._~/]*$/.test(text) && !text.includes('//'), {
    error: 'a path that begins with / and holds letters, digits, - . _ ~ and / only',
  })
  .transform((text) => (text === '/' ? '/' : text.replace(/\/+$/, '')))

const sourceName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

const sources = z
  .string()
  .refine((text) => list(text).every((name) => sourceName.test(name)), {
    error: 'names of letters, digits, . _ - separated by commas',
  })
  .refine((text) => !list(text).some((name) => canonicalName(name) !== undefined), {
    error: 'names that are not names of Simotel events (they would be taken for the event in the path)',
  })
  .refine((text) => new Set(list(text)).size === list(text).length, { error: 'different names' })
  .transform(list)

const redisUrl = z.string().refine(
  (text) => {
    try {
      return ['redis:', 'rediss:'].includes(new URL(text).protocol)
    } catch {
      return false
    }
  },
  { error: 'redis://[user:password@]host:port[/database], or rediss:// for TLS' },
)

const port = wholeNumber(0, 65_535, 'a port')
const boolean = oneOf(['true', 'false']).transform((text) => text === 'true')

/** Every setting: schema of its text and, where it has one, the default as one would write it. The order is that of `.env.example`. */
export const settings = {
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  REDIS_TLS_CA: z.string().optional(),
  REDIS_SENTINELS: hostPort.optional(),
  REDIS_SENTINEL_NAME: z.string().optional(),
  REDIS_CLUSTER_NODES: hostPort.optional(),
  KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'up to 64 letters, digits, . _ -' })
    .default('simotel'),
  SHARDS: wholeNumber(1, 256, 'shards').default(1),
  INGRESS_HOST: z.string().default('0.0.0.0'),
  INGRESS_PORT: port.default(3000),
  WEBHOOK_PATH: webhookPath.default('/simotel'),
  SOURCES: sources.default([]),
  SIMOTEL_USERNAME: z.string().optional(),
  SIMOTEL_PASSWORD: z.string().optional(),
  SIMOTEL_PASSWORD_NEXT: z.string().optional(),
  ALLOWED_IPS: cidrs.optional(),
  TRUST_PROXY: cidrs.optional(),
  MAX_BODY_BYTES: wholeNumber(1_024, 104_857_600, 'bytes').default(1_048_576),
  SIMOTEL_TIMEZONE: timeZones.default({ all: 'UTC', bySource: {} }),
  DUPLICATE_WINDOW_MS: wholeNumber(0, 900_000, 'milliseconds').default(0),
  ENQUEUE_TIMEOUT_MS: wholeNumber(50, 4_000, 'milliseconds').default(300),
  SPOOL_DIR: z.string().default('.data/spool'),
  SPOOL_MAX_BYTES: wholeNumber(1_048_576, Number.MAX_SAFE_INTEGER, 'bytes').default(1_073_741_824),
  WORKERS_DIR: z.string().default('dist/workers'),
  WORKER_CONCURRENCY: wholeNumber(1, 10_000, 'events at a time').default(64),
  PROCESSOR_TIMEOUT_MS: wholeNumber(1, 86_400_000, 'milliseconds').default(30_000),
  ATTEMPTS: wholeNumber(1, 1_000, 'attempts').default(20),
  BACKOFF_FIRST_MS: wholeNumber(0, 86_400_000, 'milliseconds').default(1_000),
  BACKOFF_MAX_MS: wholeNumber(0, 86_400_000, 'milliseconds').default(300_000),
  RETRY_LATER_MAX_MS: wholeNumber(0, 2_592_000_000, 'milliseconds').default(86_400_000),
  DEAD_HEAD: oneOf(['advance', 'block']).default('advance'),
  RETENTION_HOURS: wholeNumber(1, 8_760, 'hours').default(24),
  RETENTION_MAX_EVENTS: wholeNumber(0, 100_000_000, 'events').default(200_000),
  MAX_LANE_EVENTS: wholeNumber(0, 1_000_000, 'events').default(0),
  DRAIN_TIMEOUT_MS: wholeNumber(0, 3_600_000, 'milliseconds').default(25_000),
  ADMIN_HOST: z.string().default('127.0.0.1'),
  ADMIN_PORT: port.default(3001),
  ADMIN_USERNAME: z.string().default('admin'),
  ADMIN_PASSWORD: z.string().optional(),
  MASK_NUMBERS: boolean.default(false),
  METRICS_PORT: port.optional(),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
} as const

export type SettingName = keyof typeof settings

/** Names whose value is never printed, only whether it is set. */
const secretSettings: ReadonlySet<SettingName> = new Set([
  'SIMOTEL_PASSWORD',
  'SIMOTEL_PASSWORD_NEXT',
  'ADMIN_PASSWORD',
])

type Values = { readonly [K in SettingName]: z.output<(typeof settings)[K]> }

/** Settings grouped by who needs them. Pieces take the part or the values they need, never the whole. */
export type Config = ReturnType<typeof group>

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
  return group(values as Values)
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
  return (text ?? '').replace(/\/\/[^@/\s]*@/, '//***@').slice(0, 200)
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
  return Object.freeze({
    redis: Object.freeze({
      url: v.REDIS_URL,
      tlsCa: v.REDIS_TLS_CA,
      sentinels: v.REDIS_SENTINELS === undefined ? [] : list(v.REDIS_SENTINELS),
      sentinelName: v.REDIS_SENTINEL_NAME,
      clusterNodes: v.REDIS_CLUSTER_NODES === undefined ? [] : list(v.REDIS_CLUSTER_NODES),
      enqueueTimeoutMs: v.ENQUEUE_TIMEOUT_MS,
    }),
    keys: Object.freeze({ prefix: v.KEY_PREFIX, shards: v.SHARDS }),
    ingress: Object.freeze({
      host: v.INGRESS_HOST,
      port: v.INGRESS_PORT,
      webhookPath: v.WEBHOOK_PATH,
      sources: v.SOURCES,
      timeZones: v.SIMOTEL_TIMEZONE,
      credentials:
        v.SIMOTEL_USERNAME === undefined || v.SIMOTEL_PASSWORD === undefined
          ? undefined
          : Object.freeze({
              username: v.SIMOTEL_USERNAME,
              passwords: [
                v.SIMOTEL_PASSWORD,
                ...(v.SIMOTEL_PASSWORD_NEXT === undefined ? [] : [v.SIMOTEL_PASSWORD_NEXT]),
              ],
            }),
      allowedIps: v.ALLOWED_IPS,
      trustProxy: v.TRUST_PROXY,
      maxBodyBytes: v.MAX_BODY_BYTES,
      duplicateWindowMs: v.DUPLICATE_WINDOW_MS,
    }),
    spool: Object.freeze({ dir: v.SPOOL_DIR, maxBytes: v.SPOOL_MAX_BYTES }),
    lanes: Object.freeze({
      deadHead: v.DEAD_HEAD,
      maxLaneEvents: v.MAX_LANE_EVENTS,
      retentionMs: v.RETENTION_HOURS * 3_600_000,
      retentionMaxEvents: v.RETENTION_MAX_EVENTS,
    }),
    worker: Object.freeze({
      dir: v.WORKERS_DIR,
      concurrency: v.WORKER_CONCURRENCY,
      timeoutMs: v.PROCESSOR_TIMEOUT_MS,
      attempts: v.ATTEMPTS,
      backoffFirstMs: v.BACKOFF_FIRST_MS,
      backoffMaxMs: v.BACKOFF_MAX_MS,
      retryLaterMaxMs: v.RETRY_LATER_MAX_MS,
    }),
    admin: Object.freeze({
      host: v.ADMIN_HOST,
      port: v.ADMIN_PORT,
      username: v.ADMIN_USERNAME,
      password: v.ADMIN_PASSWORD,
      maskNumbers: v.MASK_NUMBERS,
    }),
    drainTimeoutMs: v.DRAIN_TIMEOUT_MS,
    metricsPort: v.METRICS_PORT,
    logLevel: v.LOG_LEVEL,
  })
}

/** The zone of dates without one, for events of `source`. */
export function timeZoneOf(timeZones: Config['ingress']['timeZones'], source: string): string {
  return timeZones.bySource[source] ?? timeZones.all
}
