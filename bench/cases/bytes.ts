/**
 * Bytes: what an event takes of Redis' memory while it is parked, and once it is finished and kept.
 */
import type { Case, Figures } from '../case.ts'
import type { FillSide } from '../producers/fill.ts'
import { completedSets, fill, watchDrain } from '../support/drain.ts'
import type { Measurement } from '../support/measurement.ts'
import { usedMemory } from '../support/redis.ts'

const parkedPerLane = 8

async function parked(side: string, m: Measurement): Promise<Figures> {
  const redis = await m.redis()
  const lanes = m.isQuick ? 200 : 5_000
  const plan = { side: side as FillSide, lanes }
  // Heads are jobs of BullMQ, not parked; the scripts of all sides are in memory from here on, too.
  if (side === 'bridge') await fill(m, redis, { ...plan, perLane: 1 })
  else await fill(m, redis, { ...plan, lanes: 1, perLane: 1, firstCall: lanes })
  const before = await usedMemory(redis.client)
  const { events } = await fill(m, redis, { ...plan, perLane: parkedPerLane, firstTurn: 1 })
  return { bytesPerEvent: ((await usedMemory(redis.client)) - before) / events }
}

export const bytesParked: Case = {
  name: 'bytes-parked',
  about: `Redis memory of a parked event: ${parkedPerLane} behind the head in each of 5,000 lanes; of a plain list: as many in as many`,
  sides: ['rpush', 'bridge', 'bullmq', 'groupmq'],
  rows: [
    {
      label: 'Redis bytes per parked event',
      figure: 'bytesPerEvent',
      reference: 'rpush',
      target: { most: 2 },
      unit: 'bytes',
    },
  ],
  measure: parked,
}

async function finished(_side: string, m: Measurement): Promise<Figures> {
  const redis = await m.redis()
  const drain = async (lanes: number, firstCall: number, before: number) => {
    const { events } = await fill(m, redis, { side: 'bridge', lanes, perLane: 8, firstCall })
    const worker = m.worker(redis)
    await watchDrain(worker, { redis, completed: completedSets.bridge }, events, before)
    await worker.stop()
    return events
  }
  // What is there once and for all comes with the first ones.
  const first = await drain(50, 0, 0)
  const before = await usedMemory(redis.client)
  const events = await drain(m.isQuick ? 250 : 2_500, 1_000, first)
  return { bytesPerEvent: ((await usedMemory(redis.client)) - before) / events }
}

export const bytesFinished: Case = {
  name: 'bytes-finished',
  about:
    'Redis memory of a finished event that is kept, with its attempt and its place in search: 20,000 of calls of eight',
  sides: ['bridge'],
  rows: [
    {
      label: 'Redis bytes per finished event kept',
      figure: 'bytesPerEvent',
      target: { most: 1_600 },
      unit: 'bytes',
    },
  ],
  measure: finished,
}
