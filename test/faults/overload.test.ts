/**
 * Rows in which more comes than goes: ten times the usual rate, and a Redis whose memory is full.
 */
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Redis } from 'ioredis'
import { createLog } from '../../src/log.ts'
import { checkedScripts } from '../../src/queue/fused/bullmq-scripts.ts'
import { defineScripts } from '../../src/queue/fused/commands.ts'
import { shardKeys } from '../../src/queue/keys.ts'
import { startUpkeep } from '../../src/queue/upkeep.ts'
import { type Bridge, type Ingress, judgeRow, listening, startBridge } from '../support/bridge.ts'
import { ackTimes, type Load, type LoadOptions, type Sent, startLoad, total } from '../support/load.ts'
import type { LogLine } from '../support/processes.ts'
import { atEnd, inspect } from '../support/redis.ts'
import { faultRow, isLong, type Row } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

const isReady = ({ msg }: LogLine) => msg === 'worker ready'

async function scene(t: TestContext, redisArgs: readonly string[] = []): Promise<{ bridge: Bridge; ingress: Ingress }> {
  const bridge = await startBridge(t, { redisArgs })
  const ingress = await listening(await bridge.ingress())
  await waitFor(async () => (await ingress.readyz())?.redis.ready, { limitMs: 60_000 })
  return { bridge, ingress }
}

/** A load that ends with the test, also when that fails. */
function begin(t: TestContext, ingress: Ingress, options: Omit<LoadOptions, 'ports'>): Load {
  const load = startLoad({ ports: () => [ingress.port], ...options })
  t.after(() => load.stop())
  return load
}

async function more(load: Load, count: number): Promise<void> {
  const before = load.count()
  await waitFor(() => load.count() >= before + count, { limitMs: 300_000, what: `${count} more acks` })
}

/** Nothing refused, nothing lost, nothing out of turn; of several loads as of one. */
async function end(row: Row, bridge: Bridge, ingress: Ingress, ...loads: readonly Load[]): Promise<Sent> {
  const [first, ...others] = await Promise.all(loads.map((load) => load.stop()))
  if (first === undefined) throw new Error('no load')
  for (const { acked, refused, broken, acks } of others) {
    for (const [lane, ids] of acked) first.acked.set(lane, ids)
    for (const [status, count] of refused) first.refused.set(status, (first.refused.get(status) ?? 0) + count)
    for (const [code, count] of broken) first.broken.set(code, (first.broken.get(code) ?? 0) + count)
    first.acks.push(...acks)
  }
  await bridge.settled([ingress], 300_000)
  row.fact('refused', total(first.refused) + total(first.broken), 0)
  judgeRow(row, bridge.verdict(first))
  return first
}

/** The most memory that a process had so far, in MB: `VmHWM` of Linux. */
function peakMemory(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1_024
}

const skip = process.platform === 'linux' ? false : 'the memory of a process is read from /proc, which only Linux has'
/**
 * Events a second; the burst brings it to ten times that. Each lane sends four a second over a connection of its own: an ack within the
 * target holds the next one up by nothing.
 */
const sustained = isLong ? 200 : 20

for (const isAway of [false, true]) {
  const what = isAway ? 'with Redis away, every event is spooled' : 'with Redis there, every event is acknowledged'
  faultRow(
    '10x burst',
    what,
    async (t, row) => {
      const { bridge, ingress } = await scene(t)
      const at = (calls: string, perSecond: number) => begin(t, ingress, { perSecond, lanes: perSecond / 4, calls })
      // Busy all the time, and slower than the burst: a backlog builds up behind it.
      if (!isAway) await bridge.worker({ WORKER_CONCURRENCY: '4', LEDGER_WORK_MS: '5' }).line(isReady)
      const usual = at('1', sustained)
      // Sustained: sender and ingress have run at this rate for a while, and their code is compiled.
      await more(usual, row.pick(1, 40) * sustained)
      if (isAway) {
        bridge.redis.kill('SIGKILL')
        await bridge.redis.died()
        await more(usual, sustained)
      }

      const from = performance.now()
      const burst = at('2', 9 * sustained)
      await more(burst, row.pick(2, 10) * 9 * sustained)
      const to = performance.now()
      const memory = peakMemory(ingress.pid)
      if (isAway) {
        await bridge.redis.restart()
        bridge.worker()
      }

      const sent = await end(row, bridge, ingress, usual, burst)
      const during = sent.acks.filter((ack) => ack.at >= from && ack.at < to)
      row.figure('p99', ackTimes(sent, from, to, 'due').p99Ms, { below: 250, unit: 'ms' })
      row.figure('rate', during.length / ((to - from) / 1_000), { atLeast: 9 * sustained, unit: 'a second' })
      row.figure('RSS', Math.max(memory, peakMemory(ingress.pid)), { below: 300, unit: 'MB' })
    },
    { skip },
  )
}

type Memory = { readonly usedBytes: number; readonly refused: number }

async function memoryOf(look: Redis): Promise<Memory> {
  const usedBytes = Number(/^used_memory:(\d+)/m.exec(await look.info('memory'))?.[1])
  return { usedBytes, refused: Number(/^errorstat_OOM:count=(\d+)/m.exec(await look.info('errorstats'))?.[1] ?? 0) }
}

const isSpooling = async (ingress: Ingress) => (await ingress.readyz())?.spool.isEmpty === false
const isTight = async (ingress: Ingress) => (await ingress.readyz())?.redis.detail === 'redis memory above 80 %'

faultRow('OOM under noeviction', 'what Redis refuses is spooled, busy workers go on, and it drains', async (t, row) => {
  const { bridge, ingress } = await scene(t)
  const look = inspect(t, bridge.redis.url)
  const headsLeft = () => look.hlen(shardKeys(bridge.prefix, 0).heads)
  // Slower than what comes: the memory is full while it is busy, and followers wait.
  const worker = bridge.worker({ WORKER_CONCURRENCY: '4', LEDGER_WORK_MS: row.pick('40', '10') })
  await worker.line(isReady)
  const load = begin(t, ingress, { perSecond: row.pick(200, 800), lanes: 100 })
  await waitFor(async () => (await headsLeft()) > 50, { limitMs: 60_000 })
  const { usedBytes } = await memoryOf(look)
  await look.config('SET', 'maxmemory', String(usedBytes + 50_000))
  await waitFor(() => isSpooling(ingress), { limitMs: 60_000, everyMs: 10 })
  const waiting = await headsLeft()
  await more(load, row.pick(300, 5_000))

  await waitFor(async () => (await headsLeft()) === 0, { limitMs: 60_000, what: 'workers finish what is there' })
  row.fact('lanes had waited', waiting > 0, true)
  row.fact('tight', await isTight(ingress), true)
  row.fact('spooled meanwhile', await isSpooling(ingress), true)
  await look.config('SET', 'maxmemory', '0')

  await end(row, bridge, ingress, load)
})

faultRow('OOM under noeviction', 'from 80 % on the ingress spools and completed events go early', async (t, row) => {
  const limit = row.pick(10, 40) * 1_048_576
  const { bridge, ingress } = await scene(t, ['--maxmemory', String(limit)])
  const look = inspect(t, bridge.redis.url)
  defineScripts(look, checkedScripts())
  const keys = shardKeys(bridge.prefix, 0)
  bridge.worker()
  bridge.worker()
  const load = begin(t, ingress, { perSecond: row.pick(150, 500), lanes: 100, bytes: 4_000 })
  await waitFor(() => isTight(ingress), { limitMs: 120_000 })
  await more(load, row.pick(200, 10_000))
  const filled = await memoryOf(look)
  row.fact('spooled', await isSpooling(ingress), true)

  // What a worker does by itself once these events are 15 minutes old: the clock of this upkeep is that far ahead.
  const upkeep = startUpkeep({
    redis: look,
    keys,
    deadHead: 'advance',
    retentionMs: 86_400_000,
    retentionMaxEvents: 1_000_000,
    log: createLog({ level: 'silent' }),
    now: () => Date.now() + 16 * 60_000,
  })
  atEnd(t, bridge.redis.url, () => upkeep.stop().catch(() => {}))
  const running = load.stop()
  let trimmed = 0
  await waitFor(
    async () => {
      trimmed += (await upkeep.pass()).trimmed
      return (await ingress.readyz())?.spool.isEmpty
    },
    { limitMs: 300_000, everyMs: 100, what: 'the spool is empty' },
  )
  await running

  await end(row, bridge, ingress, load)
  row.fact('removed early', trimmed > 0, true)
  row.figure('memory', (100 * filled.usedBytes) / limit, { below: 100, unit: '%' })
  row.figure('refused by Redis', (await memoryOf(look)).refused, { atMost: 0 })
})
