/**
 * Rows in which Redis is away: every event is acknowledged, and all of them are processed afterwards, in order.
 */
import type { TestContext } from 'node:test'
import { type Bridge, type Ingress, judgeRow, listening, startBridge } from '../support/bridge.ts'
import { ackTimes, type Load, type Sent, startLoad, total } from '../support/load.ts'
import { faultRow, isLong, type Row } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

/** Enough of them came meanwhile that what happens was seen in full. */
async function more(load: Load, count = 100): Promise<void> {
  const before = load.count()
  await waitFor(() => load.count() >= before + count, { what: `${count} more acks` })
}

const perSecond = isLong ? 500 : 150

async function scene(t: TestContext, options: Parameters<typeof startBridge>[1] = {}) {
  const bridge = await startBridge(t, options)
  const ingress = await listening(await bridge.ingress())
  bridge.worker()
  bridge.worker()
  await waitFor(async () => (await ingress.readyz())?.redis.ready)
  const load = startLoad({ ports: () => [ingress.port], perSecond, lanes: 100 })
  await more(load)
  return { bridge, ingress, load }
}

/** Nothing refused, nothing lost, every lane in the order of its acks. */
async function end(row: Row, bridge: Bridge, ingress: Ingress, load: Load): Promise<Sent> {
  const sent = await load.stop()
  await bridge.settled([ingress])
  row.fact('refused', total(sent.refused) + total(sent.broken), 0)
  judgeRow(row, bridge.verdict(sent))
  return sent
}

faultRow('Redis kill -9, restart', 'events go to the spool and drain in order', async (t, row) => {
  const { bridge, ingress, load } = await scene(t)
  let drainBeganMs = 0

  for (let kill = 0; kill < row.pick(2, 5); kill += 1) {
    bridge.redis.kill('SIGKILL')
    await bridge.redis.died()
    await more(load, row.pick(100, 1_500))
    await bridge.redis.restart()
    const back = performance.now()
    await waitFor(async () => (await ingress.readyz())?.spool.isEmpty, { everyMs: 10 })
    drainBeganMs = Math.max(drainBeganMs, performance.now() - back)
    await more(load)
  }

  const sent = await end(row, bridge, ingress, load)
  row.figure('ack max', ackTimes(sent).maxMs, { below: 500, unit: 'ms' })
  row.figure('drained after', drainBeganMs / 1_000, { atMost: 10, unit: 's' })
})
