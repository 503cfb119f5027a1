/**
 * Rows about processes that are told to stop under load, one after the other, as an upgrade does it.
 */
import type { TestContext } from 'node:test'
import { judgeRow, startBridge } from '../support/bridge.ts'
import { type Load, type LoadOptions, startLoad, total } from '../support/load.ts'
import { startScript } from '../support/processes.ts'
import { freePort } from '../support/redis.ts'
import { faultRow, isLong } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

async function more(load: Load, count: number): Promise<void> {
  const before = load.count()
  await waitFor(() => load.count() >= before + count, { limitMs: 60_000, what: `${count} more acks` })
}

/**
 * A machine that is slow for a moment must not look like a Redis that is away: between two ingresses there is no order for what
 * came during an outage.
 */
const patient = { ENQUEUE_TIMEOUT_MS: '4000' }

/** Two real ingresses that share one port by a primary, and a way to drain the older of the two. */
async function sharedPort(t: TestContext) {
  const bridge = await startBridge(t, { env: patient })
  const port = await freePort()
  const primary = startScript(t, 'test/support/cluster-primary.ts', {
    REDIS_URL: bridge.redis.url,
    KEY_PREFIX: bridge.prefix,
    ...patient,
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(port),
    SPOOL_DIR: bridge.spoolDir,
    BUILT: String(isLong),
  })
  await primary.line(({ msg }) => msg === 'two ingresses listen')
  const rolled = () => primary.lines.filter(({ msg }) => msg === 'rolled')
  return {
    bridge,
    port,
    rolled,
    async roll() {
      const before = rolled().length
      primary.kill('SIGUSR2')
      await waitFor(() => rolled().length > before, { limitMs: 60_000, what: 'an ingress was drained and replaced' })
    },
  }
}

for (const [what, options] of [
  ['a connection per request: no 503, no reset', { reconnects: true, perSecond: 200, lanes: 100 }],
  ['kept-alive connections: no 503, no reset', { perSecond: 200, lanes: 100 }],
] as const satisfies [string, Partial<LoadOptions>][]) {
  faultRow('SIGTERM under load', what, async (t, row) => {
    const { bridge, port, roll, rolled } = await sharedPort(t)
    bridge.worker()
    const load = startLoad({ ports: () => [port], ...options })
    await more(load, 100)

    for (let drain = 0; drain < row.pick(3, 8); drain += 1) {
      await roll()
      await more(load, row.pick(50, 400))
    }
    const sent = await load.stop()
    await bridge.settled([])

    row.fact('refused', total(sent.refused), 0)
    row.fact('broken', total(sent.broken), 0)
    row.fact('exit codes other than 0', rolled().filter(({ code }) => code !== 0).length, 0)
    judgeRow(row, bridge.verdict(sent))
  })
}
