/**
 * Rows in which Redis is away: every event is acknowledged, and all of them are processed afterwards, in order.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { laneKeyOf, shardKeys } from '../../src/queue/keys.ts'
import { type Bridge, type Ingress, judgeRow, listening, startBridge } from '../support/bridge.ts'
import { ackTimes, type Load, type Sent, startLoad, total } from '../support/load.ts'
import { type MuteProxy, startMuteProxy } from '../support/mute-proxy.ts'
import type { BridgeProcess, LogLine } from '../support/processes.ts'
import { inspect } from '../support/redis.ts'
import { faultRow, isLong, type Row } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

const perSecond = isLong ? 500 : 150
const lanes = 100

const isReady = ({ msg }: LogLine) => msg === 'worker ready'
/** Of a worker that has no Redis yet: what is left of its start is a connection. */
const isWaiting = ({ msg }: LogLine) => msg === 'processors loaded'

type Scene = {
  readonly bridge: Bridge
  readonly ingress: Ingress
  readonly workers: BridgeProcess[]
  readonly load: Load
}

/** An ingress, two workers that are ready, and a load that goes straight: the figures are those of what runs, not of its start. */
async function scene(t: TestContext, options: Parameters<typeof startBridge>[1] = {}): Promise<Scene> {
  const bridge = await startBridge(t, options)
  const ingress = await listening(await bridge.ingress())
  const workers = [bridge.worker(), bridge.worker()]
  await Promise.all(workers.map((worker) => worker.line(isReady)))
  await waitFor(async () => (await ingress.readyz())?.redis.ready)
  const load = startLoad({ ports: () => [ingress.port], perSecond, lanes })
  await more(load, isLong ? 2 * perSecond : 100)
  return { bridge, ingress, workers, load }
}

/** Enough of them came meanwhile that what happens was seen in full. */
async function more(load: Load, count = 100): Promise<void> {
  const before = load.count()
  await waitFor(() => load.count() >= before + count, { limitMs: 120_000, what: `${count} more acks` })
}

/** As many as come in `seconds` in the long run, a hundred in the short one. */
const moreFor = (load: Load, row: Row, seconds: number) => more(load, row.pick(100, seconds * perSecond))

/** The first event that is acknowledged from now on. */
async function nextAck(load: Load): Promise<{ lane: string; eventId: string }> {
  const before = new Map([...load.sent.acked].map(([lane, ids]) => [lane, ids.length]))
  return await waitFor(
    () => {
      for (const [lane, ids] of load.sent.acked) {
        const eventId = ids[before.get(lane) ?? 0]
        if (eventId !== undefined) return { lane, eventId }
      }
      return undefined
    },
    { everyMs: 1, what: 'an ack' },
  )
}

/** Milliseconds until Redis has this event. */
async function untilTaken(t: TestContext, bridge: Bridge, { lane, eventId }: { lane: string; eventId: string }) {
  const look = inspect(t, bridge.redis.url)
  const record = shardKeys(bridge.prefix, 0).call(laneKeyOf(lane))
  const since = performance.now()
  await waitFor(async () => (await look.zscore(record, eventId)) !== null, { everyMs: 2, what: 'the drain begins' })
  return performance.now() - since
}

const isStraight = async ({ ingress }: Scene) => {
  const state = await ingress.readyz()
  return state?.redis.ready === true && state.spool.isEmpty
}

/** Nothing refused, nothing lost, every lane in the order of its acks. */
async function end(row: Row, s: Scene): Promise<Sent> {
  const sent = await s.load.stop()
  await s.bridge.settled([s.ingress])
  row.fact('refused', total(sent.refused) + total(sent.broken), 0)
  judgeRow(row, s.bridge.verdict(sent))
  return sent
}

/** Lines of a process at warn or above since `from`. */
const complaints = ({ lines }: BridgeProcess, from = 0) =>
  lines.slice(from).filter(({ level }) => level === 'warn' || level === 'error' || level === 'fatal')

faultRow('Redis down at start', 'the ingress listens and spools, workers wait', async (t, row) => {
  const bridge = await startBridge(t)
  bridge.redis.kill('SIGKILL')
  await bridge.redis.died()

  const begun = performance.now()
  const ingress = await listening(await bridge.ingress())
  const listeningMs = performance.now() - begun
  const workers = [bridge.worker(), bridge.worker()]
  await Promise.all(workers.map((worker) => worker.line(isWaiting)))
  const load = startLoad({ ports: () => [ingress.port], perSecond, lanes })
  await moreFor(load, row, 20)
  const awayUntil = performance.now()
  const state = await ingress.readyz()
  row.fact('ready', state?.ok ?? false, true)
  row.fact('redis ready', state?.redis.ready ?? true, false)
  await bridge.redis.restart()
  await waitFor(() => isStraight({ bridge, ingress, workers, load }), { limitMs: 60_000 })
  await more(load)

  const sent = await end(row, { bridge, ingress, workers, load })
  for (const worker of workers) assert.ok(worker.lines.some(isReady))
  row.figure('listening after', listeningMs / 1_000, { below: 1, unit: 's' })
  row.figure('ack p99', ackTimes(sent, 0, awayUntil).p99Ms, { below: 100, unit: 'ms' })
  // Then everything wants the cores at once: workers that have just started, the drain, and what still comes.
  row.figure('ack max once it is there', ackTimes(sent, awayUntil).maxMs, { below: 1_000, unit: 'ms' })
})

faultRow('Redis kill -9, restart', 'events go to the spool and drain in order', async (t, row) => {
  const s = await scene(t)
  let beginsMs = 0

  for (let kill = 0; kill < row.pick(2, 5); kill += 1) {
    s.bridge.redis.kill('SIGKILL')
    await s.bridge.redis.died()
    const first = await nextAck(s.load)
    await moreFor(s.load, row, 5)
    await s.bridge.redis.restart()
    beginsMs = Math.max(beginsMs, await untilTaken(t, s.bridge, first))
    await waitFor(() => isStraight(s))
    await more(s.load)
  }

  const sent = await end(row, s)
  row.figure('ack max', ackTimes(sent).maxMs, { below: 500, unit: 'ms' })
  row.figure('drain begins after', beginsMs / 1_000, { atMost: 1, unit: 's' })
})

faultRow('Redis kill -9, restart', 'away for a minute at 500 events a second', async (t, row) => {
  const s = await scene(t)

  s.bridge.redis.kill('SIGKILL')
  await s.bridge.redis.died()
  const from = performance.now()
  await moreFor(s.load, row, 62)
  const to = performance.now()
  const during = await s.load.stop()
  await s.bridge.redis.restart()
  const back = performance.now()
  await s.bridge.settled([s.ingress])
  const settledMs = performance.now() - back

  await end(row, s)
  row.figure('away', (to - from) / 1_000, { atLeast: 60, unit: 's' })
  row.figure('ack p99 after the first second', ackTimes(during, from + 1_000, to).p99Ms, { below: 100, unit: 'ms' })
  row.figure('all processed after', settledMs / 1_000, { atMost: 60, unit: 's' })
})

faultRow('Redis stopped', 'the first events wait for the timeout, later ones do not', async (t, row) => {
  const s = await scene(t)
  let laterMs = 0

  for (const seconds of row.pick([5], [30, 10])) {
    s.bridge.redis.kill('SIGSTOP')
    const from = performance.now()
    await waitFor(async () => (await s.ingress.readyz())?.spool.isEmpty === false, { everyMs: 5 })
    await moreFor(s.load, row, seconds)
    const to = performance.now()
    laterMs = Math.max(laterMs, ackTimes(s.load.sent, from + 500, to).maxMs)
    s.bridge.redis.kill('SIGCONT')
    await waitFor(() => isStraight(s), { limitMs: 60_000 })
    await more(s.load)
  }

  const sent = await end(row, s)
  row.figure('ack max', ackTimes(sent).maxMs, { below: 500, unit: 'ms' })
  row.figure('after the first 0.5 s', laterMs, { below: 100, unit: 'ms' })
})

faultRow('Redis stopped', 'for moments around the timeout, lanes keep their order', async (t, row) => {
  const s = await scene(t)

  for (let round = 0; round < row.pick(1, 3); round += 1) {
    for (const stopMs of [250, 290, 300, 310, 330, 390, 410, 450]) {
      await more(s.load, 20)
      s.bridge.redis.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, stopMs))
      s.bridge.redis.kill('SIGCONT')
    }
  }

  const sent = await end(row, s)
  row.figure('ack max', ackTimes(sent).maxMs, { below: 500, unit: 'ms' })
})

faultRow('READONLY', 'events go to the spool while Redis is a replica', async (t, row) => {
  const s = await scene(t)
  const operator = inspect(t, s.bridge.redis.url)
  let resumedMs = 0
  let linesPerSecond = 0

  for (let turn = 0; turn < row.pick(1, 3); turn += 1) {
    const from = s.ingress.lines.length
    const since = performance.now()
    // Its data stay: the master it is told of does not exist.
    await operator.replicaof('127.0.0.1', '1')
    await waitFor(async () => (await s.ingress.readyz())?.spool.isEmpty === false, { everyMs: 5 })
    const first = await nextAck(s.load)
    await moreFor(s.load, row, 10)
    linesPerSecond = Math.max(
      linesPerSecond,
      complaints(s.ingress, from).length / Math.max(1, (performance.now() - since) / 1_000),
    )
    await operator.replicaof('NO', 'ONE')
    resumedMs = Math.max(resumedMs, await untilTaken(t, s.bridge, first))
    await waitFor(() => isStraight(s))
    await more(s.load)
  }

  await end(row, s)
  row.figure('log lines a second', linesPerSecond, { atMost: 10 })
  row.figure('resumes after', resumedMs / 1_000, { below: 1, unit: 's' })
})

faultRow('NOSCRIPT', 'scripts that Redis forgot are sent again, and nobody notices', async (t, row) => {
  const s = await scene(t)
  const operator = inspect(t, s.bridge.redis.url)
  const from = [s.ingress, ...s.workers].map(({ lines }) => lines.length)

  for (let flush = 0; flush < row.pick(10, 100); flush += 1) {
    await operator.script('FLUSH')
    await more(s.load, row.pick(5, 50))
  }

  await end(row, s)
  const errors = [s.ingress, ...s.workers].flatMap((one, index) => complaints(one, from[index]))
  row.fact('errors', errors.length, 0)
})

faultRow('Black hole', 'a Redis that accepts and says nothing, from the start, costs nobody a wait', async (t, row) => {
  let hole: MuteProxy | undefined
  const bridge = await startBridge(t, {
    redisUrl: async ({ port }) => {
      hole = await startMuteProxy(t, port, true)
      return hole.url
    },
  })
  const ingress = await listening(await bridge.ingress())
  const workers = [bridge.worker()]
  await workers[0]?.line(isWaiting)
  const load = startLoad({ ports: () => [ingress.port], perSecond, lanes })
  await moreFor(load, row, 10)
  const muteUntil = performance.now()

  hole?.speak()
  await waitFor(async () => (await ingress.readyz())?.redis.ready, { everyMs: 5 })
  const readyMs = performance.now() - muteUntil
  await waitFor(() => isStraight({ bridge, ingress, workers, load }))
  await more(load)

  const sent = await end(row, { bridge, ingress, workers, load })
  row.figure('ack max', ackTimes(sent, 0, muteUntil).maxMs, { below: 100, unit: 'ms' })
  row.figure('ready after', readyMs / 1_000, { below: 1, unit: 's' })
})

faultRow('Black hole', 'a Redis that goes mute under load holds the first events back only', async (t, row) => {
  let hole: MuteProxy | undefined
  const s = await scene(t, {
    redisUrl: async ({ port }) => {
      hole = await startMuteProxy(t, port)
      return hole.url
    },
  })
  let laterMs = 0
  let readyMs = 0

  for (let turn = 0; turn < row.pick(1, 3); turn += 1) {
    hole?.mute()
    const from = performance.now()
    await waitFor(async () => (await s.ingress.readyz())?.spool.isEmpty === false, { everyMs: 5 })
    await moreFor(s.load, row, 10)
    const to = performance.now()
    laterMs = Math.max(laterMs, ackTimes(s.load.sent, from + 500, to).maxMs)
    hole?.speak()
    await waitFor(async () => (await s.ingress.readyz())?.redis.ready, { everyMs: 5 })
    readyMs = Math.max(readyMs, performance.now() - to)
    await waitFor(() => isStraight(s))
    await more(s.load)
  }

  const sent = await end(row, s)
  row.figure('ack max', ackTimes(sent).maxMs, { below: 500, unit: 'ms' })
  row.figure('after the first 0.5 s', laterMs, { below: 100, unit: 'ms' })
  row.figure('ready after', readyMs / 1_000, { below: 1, unit: 's' })
})
