/**
 * Settings: defaults as the README's table says, and for every wrong value one sentence a person can act on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeConfig, type Env, loadConfig, type SettingName, settings, timeZoneOf } from '../../src/config.ts'
import { ConfigError } from '../../src/errors.ts'

function problemsOf(env: Env): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('settings, given an empty environment, are the documented defaults', () => {
  const config = loadConfig({})

  assert.deepEqual(structuredClone(config), {
    redis: {
      url: 'redis://127.0.0.1:6379',
      tlsCa: undefined,
      sentinels: [],
      sentinelName: undefined,
      clusterNodes: [],
      waitReplicas: 0,
      enqueueTimeoutMs: 300,
    },
    keys: { prefix: 'simotel', shards: 1 },
    ingress: {
      host: '0.0.0.0',
      port: 3000,
      webhookPath: '/simotel',
      sources: [],
      timeZones: { all: 'UTC', bySource: {} },
      credentials: undefined,
      allowedIps: undefined,
      trustProxy: undefined,
      maxBodyBytes: 1_048_576,
      duplicateWindowMs: 0,
    },
    spool: { dir: '.data/spool', maxBytes: 1_073_741_824 },
    lanes: { deadHead: 'advance', maxLaneEvents: 0, retentionMs: 24 * 3_600_000, retentionMaxEvents: 200_000 },
    worker: {
      dir: 'dist/workers',
      concurrency: 64,
      timeoutMs: 30_000,
      attempts: 20,
      backoffFirstMs: 1_000,
      backoffMaxMs: 300_000,
      retryLaterMaxMs: 86_400_000,
    },
    admin: { host: '127.0.0.1', port: 3001, username: 'admin', password: undefined, maskNumbers: false },
    drainTimeoutMs: 25_000,
    metricsPort: undefined,
    tracing: { endpoint: undefined, headers: {} },
    logLevel: 'info',
  })
})

test('settings, given an empty text for each of them, are the same as unset', () => {
  const empty = Object.fromEntries(Object.keys(settings).map((name) => [name, '']))

  assert.deepEqual(loadConfig(empty), loadConfig({}))
  assert.deepEqual(describeConfig(empty), {})
})

test('settings, once loaded, cannot be changed by any piece that holds them', () => {
  const frozen = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    assert.ok(Object.isFrozen(value), `${path} is not frozen`)
    for (const [name, inner] of Object.entries(value)) frozen(inner, `${path}.${name}`)
  }

  frozen(
    loadConfig({
      SOURCES: 'tehran',
      SIMOTEL_TIMEZONE: 'tehran=Asia/Tehran',
      ALLOWED_IPS: '10.0.0.0/8',
      TRUST_PROXY: '10.0.0.1',
      SIMOTEL_USERNAME: 'pbx',
      SIMOTEL_PASSWORD: 'a-password',
      REDIS_CLUSTER_NODES: 'a:1,b:2',
    }),
    'config',
  )
})

const accepted: ReadonlyArray<
  readonly [env: Env, of: (config: ReturnType<typeof loadConfig>) => unknown, value: unknown]
> = [
  [{ REDIS_URL: 'rediss://user:pw@redis.lan:6380/2' }, (c) => c.redis.url, 'rediss://user:pw@redis.lan:6380/2'],
  [{ REDIS_SENTINELS: 'a:26379, b:26379', REDIS_SENTINEL_NAME: 'm' }, (c) => c.redis.sentinels, ['a:26379', 'b:26379']],
  [{ REDIS_CLUSTER_NODES: 'a:7000,b:7001' }, (c) => c.redis.clusterNodes, ['a:7000', 'b:7001']],
  [{ REDIS_WAIT_REPLICAS: '1' }, (c) => c.redis.waitReplicas, 1],
  [{ SHARDS: '8' }, (c) => c.keys.shards, 8],
  [{ INGRESS_PORT: '0' }, (c) => c.ingress.port, 0],
  [{ WEBHOOK_PATH: '/' }, (c) => c.ingress.webhookPath, '/'],
  [{ WEBHOOK_PATH: '/pbx/simotel/' }, (c) => c.ingress.webhookPath, '/pbx/simotel'],
  [{ SOURCES: 'tehran, shiraz' }, (c) => c.ingress.sources, ['tehran', 'shiraz']],
  [{ ALLOWED_IPS: '10.0.0.0/8, ::1' }, (c) => c.ingress.allowedIps, ['10.0.0.0/8', '::1']],
  [{ SIMOTEL_TIMEZONE: 'Asia/Tehran' }, (c) => timeZoneOf(c.ingress.timeZones, 'default'), 'Asia/Tehran'],
  [{ DUPLICATE_WINDOW_MS: '60000' }, (c) => c.ingress.duplicateWindowMs, 60_000],
  [{ DEAD_HEAD: 'block' }, (c) => c.lanes.deadHead, 'block'],
  [{ RETENTION_HOURS: '48' }, (c) => c.lanes.retentionMs, 172_800_000],
  [{ MASK_NUMBERS: 'true' }, (c) => c.admin.maskNumbers, true],
  [{ METRICS_PORT: '9400' }, (c) => c.metricsPort, 9_400],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318/' }, (c) => c.tracing.endpoint, 'http://otel:4318'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20k=, x-a=1' },
    (c) => c.tracing.headers,
    { authorization: 'Bearer k=', 'x-a': '1' },
  ],
]
for (const [env, of, value] of accepted) {
  test(`settings, given ${JSON.stringify(env)}, take it as ${JSON.stringify(value)}`, () => {
    assert.deepEqual(of(loadConfig(env)), value)
  })
}

test('time zone, given one for all and one for a source, is the source’s own where there is one', () => {
  const { timeZones } = loadConfig({
    SOURCES: 'tehran,shiraz',
    SIMOTEL_TIMEZONE: 'Europe/Berlin,tehran=Asia/Tehran',
  }).ingress

  assert.equal(timeZoneOf(timeZones, 'tehran'), 'Asia/Tehran')
  assert.equal(timeZoneOf(timeZones, 'shiraz'), 'Europe/Berlin')
  assert.equal(timeZoneOf(loadConfig({}).ingress.timeZones, 'constructor'), 'UTC')
})

test('credentials, given a second password for a change, accept both', () => {
  const { credentials } = loadConfig({
    SIMOTEL_USERNAME: 'pbx',
    SIMOTEL_PASSWORD: 'old',
    SIMOTEL_PASSWORD_NEXT: 'new',
  }).ingress

  assert.deepEqual(credentials, { username: 'pbx', passwords: ['old', 'new'] })
})

const ms = (from: string, to: string) => `a whole number of milliseconds from ${from} to ${to}`
const proxies =
  'addresses or CIDR ranges of your proxies separated by commas, such as 10.0.0.2,172.16.0.0/12, but not all addresses'
const zones = 'an IANA zone such as Asia/Tehran, or one per source: tehran=Asia/Tehran,other=UTC'
const aHost = 'an address such as 0.0.0.0, :: or 127.0.0.1, or a host name; without a port'
const aPort = 'a whole number from 0 to 65535'
const wrong: ReadonlyArray<readonly [name: SettingName, value: string, accepts: string]> = [
  ['REDIS_URL', 'localhost:6379', 'redis://[user:password@]host:port[/database], or rediss:// for TLS'],
  ['REDIS_URL', 'http://redis.lan', 'redis://[user:password@]host:port[/database], or rediss:// for TLS'],
  ['REDIS_SENTINELS', 'sentinel', 'host:port, several separated by commas'],
  ['REDIS_CLUSTER_NODES', 'a:7000,b', 'host:port, several separated by commas'],
  ['REDIS_CLUSTER_NODES', 'a:70000', 'host:port, several separated by commas'],
  ['REDIS_CLUSTER_NODES', ',', 'host:port, several separated by commas'],
  ['KEY_PREFIX', 'a{b}', 'up to 64 letters, digits, . _ -'],
  ['SHARDS', '0', 'a whole number of shards from 1 to 256'],
  ['INGRESS_HOST', 'localhost:3000', aHost],
  ['INGRESS_PORT', '70000', aPort],
  ['INGRESS_PORT', '3000.5', aPort],
  ['INGRESS_PORT', ' 3000', aPort],
  ['WEBHOOK_PATH', 'simotel', 'a path that begins with / and holds letters, digits, - . _ ~ and / only'],
  ['WEBHOOK_PATH', '/a//b', 'a path that begins with / and holds letters, digits, - . _ ~ and / only'],
  [
    'SOURCES',
    'New_State',
    'names that are not names of Simotel events (they would be taken for the event in the path)',
  ],
  ['SOURCES', 'تهران', 'names of letters, digits, . _ - separated by commas'],
  ['SOURCES', 'tehran,tehran', 'different names'],
  ['ALLOWED_IPS', '10.0.0.0/33', 'addresses or CIDR ranges separated by commas, such as 10.0.0.0/8,192.168.1.5'],
  ['ALLOWED_IPS', ',', 'addresses or CIDR ranges separated by commas, such as 10.0.0.0/8,192.168.1.5'],
  ['TRUST_PROXY', 'true', proxies],
  ['TRUST_PROXY', '0.0.0.0/0', proxies],
  ['MAX_BODY_BYTES', '1MB', 'a whole number of bytes from 1024 to 104857600'],
  ['SIMOTEL_USERNAME', 'a:b', 'a user name without a colon'],
  ['SIMOTEL_TIMEZONE', 'Tehran', zones],
  ['SIMOTEL_TIMEZONE', 'UTC,Asia/Tehran', zones],
  ['SIMOTEL_TIMEZONE', 'a=UTC,a=Asia/Tehran', zones],
  ['ADMIN_HOST', 'http://127.0.0.1', aHost],
  ['DUPLICATE_WINDOW_MS', '900001', ms('0', '900000')],
  ['ENQUEUE_TIMEOUT_MS', '49', ms('50', '4000')],
  ['SPOOL_MAX_BYTES', '1', 'a whole number of bytes from 1048576 to 9007199254740991'],
  ['WORKER_CONCURRENCY', '0', 'a whole number of events at a time from 1 to 10000'],
  ['PROCESSOR_TIMEOUT_MS', '30s', ms('1', '86400000')],
  ['ATTEMPTS', '0', 'a whole number of attempts from 1 to 1000'],
  ['BACKOFF_FIRST_MS', '-1', ms('0', '86400000')],
  ['BACKOFF_MAX_MS', '1e3', ms('0', '86400000')],
  ['RETRY_LATER_MAX_MS', 'a day', ms('0', '2592000000')],
  ['DEAD_HEAD', 'skip', 'one of advance, block'],
  ['RETENTION_HOURS', '0', 'a whole number of hours from 1 to 8760'],
  ['RETENTION_MAX_EVENTS', 'all', 'a whole number of events from 0 to 100000000'],
  ['MAX_LANE_EVENTS', '-5', 'a whole number of events from 0 to 1000000'],
  ['DRAIN_TIMEOUT_MS', 'never', ms('0', '3600000')],
  ['ADMIN_PORT', 'admin', aPort],
  ['MASK_NUMBERS', 'yes', 'one of true, false'],
  ['METRICS_PORT', '0x10', aPort],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'localhost:4318',
    'http://host:4318 or https://…, without user, password and query (a key belongs in OTEL_EXPORTER_OTLP_HEADERS)',
  ],
  ['LOG_LEVEL', 'verbose', 'one of trace, debug, info, warn, error, fatal, silent'],
]
for (const [name, value, accepts] of wrong) {
  test(`settings, given ${name}=${value}, refuse it in one sentence that says what is accepted`, () => {
    assert.deepEqual(problemsOf({ [name]: value }).slice(0, 1), [`${name}=${value} is not accepted: give ${accepts}.`])
  })
}

test('settings, given several wrong values, name all of them at once', () => {
  const env: Env = Object.fromEntries(new Map(wrong.map(([name, value]) => [name, value])))

  const problems = problemsOf(env)

  for (const name of Object.keys(env)) {
    assert.ok(
      problems.some((problem) => problem.startsWith(`${name}=`)),
      `${name} is not named`,
    )
  }
  assert.throws(() => loadConfig(env), { code: 'BRIDGE_CONFIG', message: /^Settings are wrong:\n {2}REDIS_URL=/ })
})

const contradicting: ReadonlyArray<readonly [env: Env, says: RegExp]> = [
  [{ SIMOTEL_USERNAME: 'pbx' }, /^SIMOTEL_USERNAME is set and SIMOTEL_PASSWORD is not: /],
  [{ SIMOTEL_PASSWORD: 'pw' }, /^SIMOTEL_PASSWORD is set and SIMOTEL_USERNAME is not: /],
  [{ SIMOTEL_PASSWORD_NEXT: 'pw' }, /^SIMOTEL_PASSWORD_NEXT is set and SIMOTEL_PASSWORD is not: /],
  [{ REDIS_SENTINELS: 'a:26379' }, /^REDIS_SENTINELS is set and REDIS_SENTINEL_NAME is not: /],
  [{ REDIS_SENTINEL_NAME: 'm' }, /^REDIS_SENTINEL_NAME is set and REDIS_SENTINELS is not: /],
  [
    { REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_NAME: 'm', REDIS_CLUSTER_NODES: 'b:2' },
    /^REDIS_SENTINELS and REDIS_CLUSTER_NODES are both set: /,
  ],
  [{ BACKOFF_FIRST_MS: '10', BACKOFF_MAX_MS: '5' }, /^BACKOFF_FIRST_MS=10 is above BACKOFF_MAX_MS=5: /],
  [
    { SIMOTEL_TIMEZONE: 'tehran=Asia/Tehran' },
    /^SIMOTEL_TIMEZONE names the source tehran, which SOURCES does not list: /,
  ],
]
for (const [env, says] of contradicting) {
  test(`settings, given ${JSON.stringify(env)}, say which contradict each other`, () => {
    const problems = problemsOf(env)

    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', says)
  })
}

test('secrets, in a wrong or a described setting, are never printed', () => {
  const env: Env = {
    REDIS_URL: 'redis://app:s3cret-one@redis.lan:6379',
    SIMOTEL_USERNAME: 'pbx',
    SIMOTEL_PASSWORD: 's3cret-two',
    SIMOTEL_PASSWORD_NEXT: 's3cret-three',
    ADMIN_PASSWORD: 's3cret-four',
    LOG_LEVEL: 'debug',
  }

  assert.deepEqual(describeConfig(env), {
    REDIS_URL: 'redis://***@redis.lan:6379',
    SIMOTEL_USERNAME: 'pbx',
    SIMOTEL_PASSWORD: 'set',
    SIMOTEL_PASSWORD_NEXT: 'set',
    ADMIN_PASSWORD: 'set',
    LOG_LEVEL: 'debug',
  })
})

for (const url of [
  'http://app:s3cret@redis.lan:6379',
  'redis//app:s3cret@redis.lan',
  'app:s3cret@redis.lan:6379',
  'redis://app:s3c@ret/s3cret@redis lan',
]) {
  test(`secrets, in a wrong REDIS_URL such as ${url.replaceAll(/s3c\S*?ret/g, '…')}, are never printed`, () => {
    const said = [...problemsOf({ REDIS_URL: url }), JSON.stringify(describeConfig({ REDIS_URL: url }))].join('\n')

    assert.doesNotMatch(said, /s3c/)
  })
}

test('settings, given names that are not theirs, leave them alone', () => {
  assert.deepEqual(loadConfig({ PATH: '/bin', HOME: '/root', INGRESS_PROT: '1' }), loadConfig({}))
})
