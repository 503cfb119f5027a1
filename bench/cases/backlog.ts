/**
 * What stands still must not cost what moves: a million parked events, ten thousand blocked lanes.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Case, Figures } from '../case.ts'
import { completedSets, fill, watchDrain } from '../support/drain.ts'
import type { BridgeOptions, Measurement } from '../support/measurement.ts'
import { firstRefusedCall } from '../support/payload.ts'
import type { RedisServer } from '../support/redis.ts'

/** New events in new lanes are enqueued; then a worker is started, and the next that it completes are timed. */
async function enqueueAndDrain(m: Measurement, redis: RedisServer, options: BridgeOptions = {}): Promise<Figures> {
  const plan = { side: 'bridge', lanes: m.isQuick ? 250 : 2_500, perLane: 8, firstCall: 5_000_000 } as const
  const { events, seconds } = await fill(m, redis, plan)
  const worker = m.worker(redis, options)
  const drain = await watchDrain(worker, { redis, completed: completedSets.bridge }, events)
  return { enqueuedPerSecond: events / seconds, ...drain }
}

/**
 * What is there before. Beside the million every event that is drained is the first of its call: `firsts` is that kind without the
 * million.
 */
const parked: Readonly<Record<string, { readonly lanes: number; readonly perLane: number }>> = {
  firsts: { lanes: 20_000, perLane: 2 },
  backlog: { lanes: 100_000, perLane: 10 },
}

export const backlog: Case = {
  name: 'backlog',
  about: '20,000 new events enqueued, and 20,000 drained, with 1,000,000 others in 100,000 lanes, and without',
  sides: ['empty', 'firsts', 'backlog'],
  rows: [
    {
      label: 'enqueue beside 1,000,000 parked events',
      figure: 'enqueuedPerSecond',
      side: 'backlog',
      reference: 'empty',
      target: { least: 0.9 },
      unit: '/s',
    },
    {
      label: 'drain beside 1,000,000 parked events',
      figure: 'perSecond',
      side: 'backlog',
      reference: 'empty',
      target: { least: 0.9 },
      unit: '/s',
    },
    {
      label: 'drain beside 1,000,000, against first events alone',
      figure: 'perSecond',
      side: 'backlog',
      reference: 'firsts',
      target: { least: 0.9 },
      unit: '/s',
    },
  ],
  async measure(side, m) {
    const redis = await m.redis()
    const others = parked[side]
    if (others !== undefined) {
      const lanes = m.isQuick ? others.lanes / 10 : others.lanes
      await fill(m, redis, { side: 'bridge', lanes, perLane: others.perLane, inFlight: 256 })
      await untilLogRests(redis)
    }
    return enqueueAndDrain(m, redis)
  },
}

export const blocked: Case = {
  name: 'blocked',
  about: '20,000 events drained beside 10,000 blocked lanes (DEAD_HEAD=block), and without them',
  sides: ['none', 'blocked'],
  rows: [
    {
      label: 'drain beside 10,000 blocked lanes',
      figure: 'perSecond',
      side: 'blocked',
      reference: 'none',
      target: { least: 0.95 },
      unit: '/s',
    },
  ],
  async measure(side, m) {
    const redis = await m.redis()
    const options = { env: { WORKERS_DIR: m.file('bench/processors/refusing'), DEAD_HEAD: 'block' } }
    if (side === 'blocked') {
      const lanes = m.isQuick ? 1_000 : 10_000
      await fill(m, redis, { side: 'bridge', lanes, perLane: 2, firstCall: firstRefusedCall })
      const worker = m.worker(redis, options)
      await untilBlocked(redis, lanes)
      await worker.stop()
      await untilLogRests(redis)
    }
    return enqueueAndDrain(m, redis, options)
  },
}

async function untilBlocked({ client }: RedisServer, lanes: number): Promise<void> {
  for (let turn = 0; (await client.hlen('{simotel:0}:blocked')) < lanes; turn += 1) {
    if (turn === 1_200) throw new Error(`the lanes do not block within ${turn / 10} s`)
    await pause(100)
  }
}

/**
 * A log that is rewritten while it is measured is no part of what is measured: one under way ends first, and none begins. It would
 * beside what stands still alone, since the log of an empty Redis does not grow to 64 MB.
 */
async function untilLogRests({ client }: RedisServer): Promise<void> {
  await client.config('SET', 'auto-aof-rewrite-percentage', '0')
  for (let turn = 0; turn < 600; turn += 1) {
    const state = await client.info('persistence')
    if (/^aof_rewrite_in_progress:0/m.test(state) && /^aof_rewrite_scheduled:0/m.test(state)) return
    await pause(200)
  }
  throw new Error('Redis does not end rewriting its log')
}
