/**
 * The ingress process: settings -> lanes -> app -> listen -> signals. No logic of its own.
 */
import closeWithGrace from 'close-with-grace'
import { type Config, describeConfig, loadConfig } from '../config.ts'
import { BridgeError } from '../errors.ts'
import { buildIngress } from '../ingress/app.ts'
import { closeIngress } from '../ingress/closing.ts'
import { createLog } from '../log.ts'
import { cannotListen, startProbes } from '../probes.ts'
import { openLanes } from '../queue/lanes.ts'

try {
  await start(loadConfig(process.env))
} catch (error) {
  // What was thrown on purpose says all in one sentence; the rest needs its stack.
  const text = error instanceof BridgeError ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${text}
`)
  process.exit(1)
}

async function start(config: Config): Promise<void> {
  const log = createLog({ level: config.logLevel, name: 'ingress' })
  log.info({ settings: describeConfig(process.env) }, 'settings')
  const lanes = openLanes({
    redis: config.redis,
    keys: config.keys,
    maxLaneEvents: config.lanes.maxLaneEvents,
    duplicateWindowMs: config.ingress.duplicateWindowMs,
    log,
  })
  // The spool will wrap this one function; see app.ts.
  const { enqueue, claimEventId } = lanes
  const app = buildIngress({ enqueue, claimEventId, redisState: lanes.state, config: config.ingress, log })
  const { host, port } = config.ingress
  const ready = () => ({ ready: lanes.state().ready, state: { redis: lanes.state(), spool: 'none' } })
  const probes =
    config.metricsPort === undefined ? undefined : await startProbes({ port: config.metricsPort, ready, log })
  // Last, when nothing can stop the start any more; and without waiting for Redis, because a PBX that finds no listener
  // loses its events.
  await app.listen({ host, port }).catch((error) => {
    throw cannotListen('INGRESS_PORT', host, port, error)
  })

  closeWithGrace({ delay: Math.max(1, config.drainTimeoutMs), logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'ingress failed')
    log.info({ signal }, 'draining')
    await closeIngress(app)
    await probes?.close()
    await lanes.close()
    log.info('drained')
  })
}
