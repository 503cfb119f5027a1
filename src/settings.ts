/**
 * Every setting by its name: what its text may be, its default, and what is said when it is wrong.
 * Knows no process and no other setting; what two of them say together is judged in config.ts.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { canonicalName } from './event/catalogue.ts'

const wholeNumber = (min: number, max: number, unit?: string) =>
  z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `a whole number ${unit === undefined ? '' : `of ${unit} `}from ${min} to ${max}`,
    })
    .transform(Number)

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` })

const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** A list of which every part fits; a text with nothing but commas is a slip and not an empty list. */
const listOf = (fits: (part: string) => boolean, error: string) =>
  z
    .string()
    .refine((text) => list(text).length > 0 && list(text).every(fits), { error })
    .transform(list)

const hostPort = listOf(
  (part) => /^[^:\s]+:\d{1,5}$/.test(part) && Number(part.split(':')[1]) <= 65_535,
  'host:port, several separated by commas',
)

const host = z.string().refine((text) => isIP(text) !== 0 || /^[A-Za-z0-9._-]+$/.test(text), {
  error: 'an address such as 0.0.0.0, :: or 127.0.0.1, or a host name; without a port',
})

const isTimeZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/** `Asia/Tehran` for all, or `tehran=Asia/Tehran,other=UTC` per source. Of two for the same the zone is '', which is none. */
const parseTimeZones = (text: string): { all: string; bySource: Record<string, string> } => {
  const bySource: Record<string, string> = Object.create(null)
  let all: string | undefined
  for (const part of list(text)) {
    const at = part.indexOf('=')
    const source = part.slice(0, Math.max(at, 0))
    if (at === -1) all = all === undefined ? part : ''
    else bySource[source] = source in bySource ? '' : part.slice(at + 1)
  }
  return { all: all ?? 'UTC', bySource }
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

const cidrs = listOf(isCidr, 'addresses or CIDR ranges separated by commas, such as 10.0.0.0/8,192.168.1.5')

/** Never "all": whoever may write X-Forwarded-For chooses the address that ALLOWED_IPS sees. */
const proxies = listOf(
  (part) => isCidr(part) && !part.endsWith('/0'),
  'addresses or CIDR ranges of your proxies separated by commas, such as 10.0.0.2,172.16.0.0/12, but not all addresses',
)

/** A path a proxy or a PBX can be given; no trailing slash kept, `/` alone is the root. */
const webhookPath = z
  .string()
  .refine((text) => /^\/[A-Za-z0-9\-._~/]*$/.test(text) && !text.includes('//'), {
    error: 'a path that begins with / and holds letters, digits, - . _ ~ and / only',
  })
  .transform((text) => (text === '/' ? '/' : text.replace(/\/+$/, '')))
  .refine((path) => path !== '/healthz' && path !== '/readyz', { error: 'a path other than /healthz and /readyz' })

const sourceName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

const sources = listOf((name) => sourceName.test(name), 'names of letters, digits, . _ - separated by commas')
  .refine((names) => !names.some((name) => canonicalName(name) !== undefined), {
    error: 'names that are not names of Simotel events (they would be taken for the event in the path)',
  })
  .refine((names) => new Set(names).size === names.length, { error: 'different names' })

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

const isDecodable = (text: string): boolean => {
  try {
    return /^[\x20-\x7e]*$/.test(decodeURIComponent(text))
  } catch {
    return false
  }
}

/** Base address of an OTLP collector, without a trailing slash. */
const collector = z
  .string()
  .refine(
    (text) => {
      if (!URL.canParse(text)) return false
      const { protocol, username, password, search, hash } = new URL(text)
      return ['http:', 'https:'].includes(protocol) && [username, password, search, hash].every((part) => part === '')
    },
    {
      error:
        'http://host:4318 or https://…, without user, password and query (a key belongs in OTEL_EXPORTER_OTLP_HEADERS)',
    },
  )
  .transform((text) => text.replace(/\/+$/, ''))

/** As OpenTelemetry writes headers: `name=value,name=value`, values percent-encoded. */
const otlpHeaders = listOf(
  (part) => /^[\w!#$%&'*+.^`|~-]+=[\x21-\x7e]*$/.test(part) && isDecodable(part),
  'name=value, several separated by commas; values percent-encoded',
).transform((parts) =>
  Object.fromEntries(
    parts.map((part) => [part.slice(0, part.indexOf('=')), decodeURIComponent(part.slice(part.indexOf('=') + 1))]),
  ),
)

/** HTTP Basic ends the user name at the first colon. */
const userName = z.string().refine((text) => !text.includes(':'), { error: 'a user name without a colon' })

const port = wholeNumber(0, 65_535)
const boolean = oneOf(['true', 'false']).transform((text) => text === 'true')

/** Every setting: schema of its text and, where it has one, the default as one would write it. The order is that of `.env.example`. */
export const settings = {
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  REDIS_TLS_CA: z.string().optional(),
  REDIS_SENTINELS: hostPort.optional(),
  REDIS_SENTINEL_NAME: z.string().optional(),
  REDIS_CLUSTER_NODES: hostPort.optional(),
  REDIS_WAIT_REPLICAS: wholeNumber(0, 100, 'replicas').default(0),
  KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'up to 64 letters, digits, . _ -' })
    .default('simotel'),
  SHARDS: wholeNumber(1, 256, 'shards').default(1),
  INGRESS_HOST: host.default('0.0.0.0'),
  INGRESS_PORT: port.default(3000),
  WEBHOOK_PATH: webhookPath.default('/simotel'),
  SOURCES: sources.default([]),
  SIMOTEL_USERNAME: userName.optional(),
  SIMOTEL_PASSWORD: z.string().optional(),
  SIMOTEL_PASSWORD_NEXT: z.string().optional(),
  ALLOWED_IPS: cidrs.optional(),
  TRUST_PROXY: proxies.optional(),
  MAX_BODY_BYTES: wholeNumber(1_024, 104_857_600, 'bytes').default(1_048_576),
  SIMOTEL_TIMEZONE: timeZones.default(parseTimeZones('UTC')),
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
  ADMIN_HOST: host.default('127.0.0.1'),
  ADMIN_PORT: port.default(3001),
  ADMIN_USERNAME: userName.default('admin'),
  ADMIN_PASSWORD: z.string().optional(),
  MASK_NUMBERS: boolean.default(false),
  METRICS_PORT: port.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: otlpHeaders.optional(),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
} as const

export type SettingName = keyof typeof settings

/** Names whose value is never printed, only whether it is set. */
export const secretSettings: ReadonlySet<SettingName> = new Set([
  'SIMOTEL_PASSWORD',
  'SIMOTEL_PASSWORD_NEXT',
  'ADMIN_PASSWORD',
  'OTEL_EXPORTER_OTLP_HEADERS',
])
