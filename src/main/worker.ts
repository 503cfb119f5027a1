/**
 * The worker process: settings -> processors -> runner -> queue -> signals. No logic of its own.
 */
import closeWithGrace from 'close-with-grace'
import { type Config, describeConfig, loadConfig } from '../config.ts'
import { lastWords } from '../errors.ts'
import { identityOf } from '../identity.ts'
import { createLog } from '../log.ts'
import { workerMetrics } from '../metrics.ts'
import { startProbes } from '../probes.ts'
import { consume } from '../queue/consume.ts'
import { startHeartbeat } from '../queue/heartbeat.ts'
import { loadProcessors, logProcessors } from '../runner/load.ts'
import { createRunner } from '../runner/runner.ts'
import { describeThrown, stackOf } from '../runner/thrown.ts'
import { openTracing } from '../tracing.ts'

/** What the drain may take beyond its limit: to abort, to put back, to close connections. */
const afterDrainMs = 2_800

try {
  await start(loadConfig(process.env))
} catch (error) {
  process.stderr.write(`${lastWords(error)}\n`)
  process.exit(1)
}

async function start(config: Config): Promise<void> {
  const { worker, drainTimeoutMs, metricsPort } = config
  const log = createLog({ level: config.logLevel, name: 'worker' })
  log.info({ settings: describeConfig(process.env) }, 'settings')
  // A promise that a processor did not await must not take the events of the others with it.
  process.on('unhandledRejection', (reason) => {
    const fields = { error: describeThrown(reason), stack: stackOf(reason) }
    log.error(fields, 'a promise failed that nobody awaits; if it is a processor’s, its event does not know of it')
  })
  const processors = await loadProcessors(worker.dir)
  logProcessors(processors, worker.dir, log)
  const run = createRunner({
    processors,
    defaults: {
      attempts: worker.attempts,
      timeoutMs: worker.timeoutMs,
      backoff: { firstMs: worker.backoffFirstMs, maxMs: worker.backoffMaxMs },
      concurrency: worker.concurrency,
      retryLaterMaxMs: worker.retryLaterMaxMs,
    },
    log,
  })
  const { redis, keys, lanes } = config
  const metrics = workerMetrics()
  const { sightings } = metrics
  const options = { redis, keys, lanes, concurrency: worker.concurrency, log, sightings }
  const identity = identityOf('worker')
  const tracing = openTracing({ config: config.tracing, identity, log })
  const consumer = consume(options, tracing.traceAttempts(metrics.countAttempts(run)))
  const ready = () => ({ ready: consumer.state().ready, state: consumer.state() })
  const probes = metricsPort === undefined ? undefined : await startProbes({ port: metricsPort, ready, metrics, log })
  const describe = () => {
    const { ready: isReady, redis: connection, active } = consumer.state()
    return { ...identity, isReady, redis: connection, active, concurrency: worker.concurrency }
  }
  const heartbeat = startHeartbeat({ redis, keys, log, describe })

  closeWithGrace(
    { delay: drainTimeoutMs + afterDrainMs, logger: log, skip: ['unhandledRejection'] },
    async ({ err, signal }) => {
      if (err) log.fatal({ error: describeThrown(err), stack: stackOf(err) }, 'worker failed')
      log.info({ signal, active: consumer.state().active }, 'draining')
      const { clean } = await consumer.drain(drainTimeoutMs)
      await Promise.all([probes?.close(), heartbeat.stop(), tracing.close()])
      if (clean) return log.info('drained')
      log.warn({ drainTimeoutMs }, 'drain limit passed: what was active runs again on another worker')
      process.exit(1)
    },
  )
  // Waits for Redis as long as it takes; rejects only if this process never may take events.
  await consumer.started
  log.info({ concurrency: worker.concurrency, shards: keys.shards }, 'worker ready')
}
