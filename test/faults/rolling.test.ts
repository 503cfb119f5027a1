/**
 * Rows about processes that are told to stop under load, one after the other, as an upgrade does it.
 */
import type { TestContext } from 'node:test'
import { judgeRow, listening, startBridge } from '../support/bridge.ts'
import { type Load, type LoadOptions, startLoad, total } from '../support/load.ts'
import { type BridgeProcess, type LogLine, startScript } from '../support/processes.ts'
import { freePort } from '../support/redis.ts'
import { faultRow } from '../support/row.ts'
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

const isReady = ({ msg }: LogLine) => msg === 'worker ready'

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

    row.fact(['refused', ...sent.refused.keys()].join(' '), total(sent.refused), 0)
    row.fact('broken', total(sent.broken), 0)
    row.fact('exit codes other than 0', rolled().filter(({ code }) => code !== 0).length, 0)
    judgeRow(row, bridge.verdict(sent))
  })
}

faultRow('Rolling restart', 'two ingresses behind a proxy and three workers, one after the other', async (t, row) => {
  const bridge = await startBridge(t, { env: patient })
  const ingresses = [await listening(await bridge.ingress()), await listening(await bridge.ingress())]
  const workers = [bridge.worker(), bridge.worker(), bridge.worker()]
  for (const worker of workers) await worker.line(isReady)
  const ports = () => ingresses.map(({ port }) => port)
  const common = { ports, perSecond: 100, lanes: 50, failsOver: true, reconnects: true } as const
  const pinned = startLoad({ ...common, calls: '1' })
  const spread = startLoad({ ...common, calls: '2', spread: 'request' })
  await Promise.all([more(pinned, 50), more(spread, 50)])
  const codes: unknown[] = []
  const stop = async (one: BridgeProcess) => {
    one.kill('SIGTERM')
    codes.push(await one.exit)
  }

  for (let round = 0; round < row.pick(1, 4); round += 1) {
    for (const [at, worker] of workers.entries()) {
      await stop(worker)
      const next = bridge.worker()
      workers[at] = next
      await next.line(isReady)
    }
    for (const [at, ingress] of ingresses.entries()) {
      await stop(ingress)
      ingresses[at] = await listening(await bridge.ingress({}, ingress.port))
      await Promise.all([more(pinned, row.pick(20, 200)), more(spread, row.pick(20, 200))])
    }
  }

  for (const [how, load] of [
    ['lanes pinned', pinned],
    ['lanes spread', spread],
  ] as const) {
    const sent = await load.stop()
    await bridge.settled(ingresses)
    row.fact([`${how}: refused`, ...sent.refused.keys()].join(' '), total(sent.refused), 0)
    const { lost, overtaken, repeated } = bridge.verdict(sent)
    row.fact('lost', lost.length, 0)
    row.fact('overtaken', overtaken.length, 0)
    row.fact('done twice', repeated, 0)
    // A connection that comes in the very moment in which the port shuts, on a machine too busy to shut it in time.
    row.figure('reset as a port shut', total(sent.broken), { atMost: 1 })
  }
  row.fact('exit codes other than 0', codes.filter((code) => code !== 0).length, 0)
})
