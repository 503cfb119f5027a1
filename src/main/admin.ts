/**
 * The admin process: settings -> queues -> app -> listen -> signals. No logic of its own.
 */
import closeWithGrace from 'close-with-grace'
import { buildAdmin } from '../admin/app.ts'
import { type Config, describeConfig, loadConfig } from '../config.ts'
import { lastWords } from '../errors.ts'
import { identityOf } from '../identity.ts'
import { createLog } from '../log.ts'
import { queueMetrics } from '../metrics.ts'
import { cannotListen } from '../probes.ts'
import { figuresOf } from '../queue/figures.ts'
import { startHeartbeat } from '../queue/heartbeat.ts'
import { overviewOf } from '../queue/overview.ts'
import { openQueues } from '../queue/queues.ts'

try {
  await start(loadConfig(process.env))
} catch (error) {
  process.stderr.write(`${lastWords(error)}\n`)
  process.exit(1)
}

async function start(config: Config): Promise<void> {
  const log = createLog({ level: config.logLevel, name: 'admin' })
  log.info({ settings: describeConfig(process.env) }, 'settings')
  const { redis, keys } = config
  const { sources, timeZones } = config.ingress
  const identity = identityOf('admin')
  const queues = openQueues({ redis, keys, sources, timeZones, log })
  const overview = overviewOf(queues)
  const { app, begin, close } = await buildAdmin({
    queues,
    overview,
    metrics: queueMetrics(figuresOf(queues, overview)),
    config: { ...config.admin, timeZones, sources },
    version: identity.version,
    log,
  })
  const { host, port } = config.admin
  // Before Redis is there: whoever opens the pages is told that it is not.
  const address = await app.listen({ host, port }).catch((error) => {
    throw cannotListen('ADMIN_PORT', host, port, error)
  })
  const describe = () => ({ ...identity, isReady: queues.redis.status === 'ready', redis: queues.redis.status })
  const heartbeat = startHeartbeat({ redis, keys, log, describe })
  const stopping = new AbortController()

  closeWithGrace({ delay: Math.max(1, config.drainTimeoutMs), logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'admin failed')
    log.info({ signal }, 'draining')
    stopping.abort()
    await close()
    await heartbeat.stop()
    await queues.close()
    log.info('drained')
  })
  // Waits for Redis as long as it takes; rejects only if this process would look in the wrong places.
  await begin(stopping.signal).then(
    () => log.info({ address }, 'admin ready'),
    (error) => {
      if (!stopping.signal.aborted) throw error
    },
  )
}
