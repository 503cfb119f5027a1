/**
 * Draining: events are put in first, then one worker is started whose processors do nothing, 64 at a time.
 */
import type { Case, Figures, Row } from '../case.ts'
import { completedSets, type Drain, fill, watchDrain } from '../support/drain.ts'
import type { Measurement } from '../support/measurement.ts'
import type { RedisServer } from '../support/redis.ts'
import { cpuSecondsOf } from '../support/system.ts'

type Shape = { readonly lanes: number; readonly perLane: number }

async function drainSide(side: string, m: Measurement, redis: RedisServer, events: number): Promise<Drain> {
  if (side === 'bridge') {
    return watchDrain(m.worker(redis), { redis, completed: completedSets.bridge }, events)
  }
  if (side === 'bullmq') {
    const worker = m.node('bench/references/bullmq-worker.ts', { REDIS_URL: redis.url })
    return watchDrain(worker, { redis, completed: completedSets.bullmq }, events)
  }
  const worker = m.node('bench/references/groupmq-worker.ts', { REDIS_URL: redis.url }, [`${events}`])
  const used = () => [cpuSecondsOf(worker.pid), cpuSecondsOf(redis.process.pid)] as const
  await worker.answer()
  const since = used()
  const { firstAt, lastAt } = await worker.answer(600_000)
  const now = used()
  return {
    perSecond: ((events - 1) * 1_000) / Math.max(1, Number(lastAt) - Number(firstAt)),
    workerCpuMicroseconds: ((now[0] - since[0]) * 1e6) / events,
    redisCpuMicroseconds: ((now[1] - since[1]) * 1e6) / events,
  }
}

function drainCase(name: string, label: string, shape: Shape, sides: readonly string[], target: Row['target']): Case {
  const [reference = ''] = sides
  return {
    name,
    about: `${label}: one worker that does nothing, 64 at a time; enqueued before`,
    sides,
    rows: [{ label: `ordered drain, ${label}`, figure: 'perSecond', reference, target, unit: '/s' }],
    async measure(side, m): Promise<Figures> {
      const lanes = m.isQuick ? Math.ceil(shape.lanes / 10) : shape.lanes
      const perLane = m.isQuick && lanes === 1 ? Math.ceil(shape.perLane / 10) : shape.perLane
      const redis = await m.redis()
      const { events, seconds } = await fill(m, redis, { side: side as 'bridge', lanes, perLane })
      return { ...(await drainSide(side, m, redis, events)), enqueuedPerSecond: events / seconds }
    },
  }
}

const all = ['bullmq', 'bridge', 'groupmq']

export const drainLanes = drainCase('drain-lanes', '2,500 lanes x 8', { lanes: 2_500, perLane: 8 }, all, { least: 1 })
export const drainWide = drainCase('drain-wide', '20,000 lanes x 1', { lanes: 20_000, perLane: 1 }, all, { least: 1 })
/** One lane: BullMQ has no order that it could keep, so its figure stands for nothing but itself. */
export const drainHot = drainCase(
  'drain-hot',
  'one lane x 3,000',
  { lanes: 1, perLane: 3_000 },
  ['groupmq', 'bridge', 'bullmq'],
  { least: 1.2 },
)
