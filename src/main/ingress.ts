/**
 * The ingress process: settings -> lanes -> app -> listen -> signals. No logic of its own.
 */
import { join } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { type Config, describeConfig, loadConfig } from '../config.ts'
import { lastWords } from '../errors.ts'
import { identityOf } from '../identity.ts'
import { buildIngress } from '../ingress/app.ts'
import { closeIngress } from '../ingress/closing.ts'
import { createTally } from '../ingress/tally.ts'
import { createLog } from '../log.ts'
import { ingressMetrics } from '../metrics.ts'
import { cannotListen, startProbes } from '../probes.ts'
import { startHeartbeat } from '../queue/heartbeat.ts'
import { openLanes } from '../queue/lanes.ts'
import { createIntake } from '../spool/intake.ts'
import { openSpool } from '../spool/spool.ts'
import { openTracing } from '../tracing.ts'

/** How long the start waits for a Redis that neither answers nor refuses: a PBX that finds no listener loses its events. */
const redisPatienceMs = 400

try {
  await start(loadConfig(process.env))
} catch (error) {
  process.stderr.write(`${lastWords(error)}\n`)
  process.exit(1)
}

async function start(config: Config): Promise<void> {
  const log = createLog({ level: config.logLevel, name: 'ingress' })
  log.info({ settings: describeConfig(process.env) }, 'settings')
  const lanesOptions = {
    redis: config.redis,
    keys: config.keys,
    maxLaneEvents: config.lanes.maxLaneEvents,
    duplicateWindowMs: config.ingress.duplicateWindowMs,
    log,
  }
  const lanes = openLanes(lanesOptions)
  // The drain may wait longer for an answer than a webhook.
  const enqueueTimeoutMs = Math.max(2_000, 4 * config.redis.enqueueTimeoutMs)
  const patient = openLanes({
    ...lanesOptions,
    redis: { ...config.redis, enqueueTimeoutMs },
    // What it would say of Redis, the other one says.
    log: log.child({}, { level: 'silent' }),
  })
  // Adopts what dead processes left, before anything can come in and go straight.
  const spool = await openSpool({
    // Events of one prefix must not drain into another: two deployments, or tests, may share the folder.
    dir: join(config.spool.dir, `keys-${config.keys.prefix}`),
    maxBytes: config.spool.maxBytes,
    limitMs: config.redis.enqueueTimeoutMs,
    enqueue: lanes.enqueue,
    enqueuePatiently: (event) => (patient.state().ready ? patient : lanes).enqueue(event),
    mayWait: () => (lanes.state().isTight ? lanes.state().detail : undefined),
    log,
  })
  const metrics = ingressMetrics()
  metrics.watchSpool(spool.state)
  const { claimEventId, state: probe } = lanes
  const enqueue = metrics.countFailures(lanes.enqueue)
  const tally = createTally(metrics)
  const intake = createIntake({ enqueue, claimEventId, spool, probe, log })
  const identity = identityOf('ingress')
  const tracing = openTracing({ config: config.tracing, identity, log })
  const app = buildIngress({
    enqueue: tracing.traceWebhooks(intake.enqueue),
    claimEventId: intake.claimEventId,
    redisState: probe,
    spoolState: spool.state,
    config: config.ingress,
    counts: tally,
    log,
  })
  const { host, port } = config.ingress
  const ready = () => {
    const state = intake.state()
    return { ready: state.ready, state }
  }
  const probes =
    config.metricsPort === undefined ? undefined : await startProbes({ port: config.metricsPort, ready, metrics, log })
  await intake.untilKnown(redisPatienceMs)
  // Last, when nothing can stop the start any more.
  await app.listen({ host, port }).catch((error) => {
    throw cannotListen('INGRESS_PORT', host, port, error)
  })

  const heartbeat = startHeartbeat({
    redis: config.redis,
    keys: config.keys,
    log,
    describe() {
      const { events, bytes, maxBytes, oldestAt, refused, bad } = spool.state()
      const held = { events, bytes, maxBytes, oldestAt: oldestAt?.getTime(), quarantined: refused + bad }
      return { ...identity, isReady: intake.state().ready, redis: probe().detail, ...tally.read(), spool: held }
    },
  })

  closeWithGrace({ delay: Math.max(1, config.drainTimeoutMs), logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'ingress failed')
    log.info({ signal }, 'draining')
    await closeIngress(app, { limitMs: config.drainTimeoutMs })
    await probes?.close()
    await spool.close(1_000)
    await Promise.all([lanes.close(), patient.close(), heartbeat.stop(), tracing.close()])
    log.info('drained')
  })
}
