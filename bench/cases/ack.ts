/**
 * Acknowledging: how many webhooks a second one process answers 200 once they are durable, how fast, and what one costs it.
 */
import type { Case, Figures } from '../case.ts'
import type { LoadPlan, Measurement, Server } from '../support/measurement.ts'
import type { RedisServer } from '../support/redis.ts'

/** The server of a side, and its Redis if it has one. */
export async function startSide(side: string, m: Measurement): Promise<{ server: Server; redis?: RedisServer }> {
  if (side === 'bare') return { server: await m.reference('bare') }
  const redis = await m.redis()
  return { server: side === 'bridge' ? await m.ingress(redis) : await m.reference(side, redis), redis }
}

/** How many acknowledged events went to disk instead of to Redis: a figure that is no figure of the queue if not 0. */
export async function spooledBy(server: Server): Promise<number> {
  if (!('metrics' in server)) return 0
  const text = await (await fetch(String(server.metrics))).text()
  return Number(/^bridge_enqueue_failures_total\S* (\d+)/m.exec(text)?.[1] ?? 0)
}

async function measure(side: string, m: Measurement, plan: LoadPlan): Promise<Figures> {
  const { server, redis } = await startSide(side, m)
  const watch = { server: server.process.pid, ...(redis && { redis: redis.process.pid }) }
  const { acked, perSecond, p50Ms, p99Ms, maxMs, lateP99Ms, cpu } = await m.load(server, { ...plan, watch })
  const microseconds = (name: string) => ((cpu[name] ?? 0) * 1e6) / acked
  return {
    perSecond,
    serverCpuMicroseconds: microseconds('server'),
    redisCpuMicroseconds: microseconds('redis'),
    loadCpuMicroseconds: microseconds('load'),
    p50Ms,
    p99Ms,
    maxMs,
    ...(plan.perSecond !== undefined && { lateP99Ms }),
    spooled: await spooledBy(server),
  }
}

const sides = ['bare', 'bridge', 'naive', 'groupmq', 'rpush']

export const ackRate: Case = {
  name: 'ack-rate',
  about: 'acknowledged per second and server CPU per event: 64 connections, closed loop, no worker',
  sides,
  rows: [
    {
      label: 'acknowledged per second',
      figure: 'perSecond',
      reference: 'bare',
      target: { least: 0.85 },
      unit: '/s',
    },
    {
      label: 'server CPU per acknowledged event',
      figure: 'serverCpuMicroseconds',
      reference: 'bare',
      target: { most: 1.2 },
      unit: 'µs',
    },
  ],
  measure: (side, m) =>
    measure(side, m, m.isQuick ? { warmUpMs: 500, measureMs: 1_500 } : { warmUpMs: 3_000, measureMs: 10_000 }),
}

export const ackP99: Case = {
  name: 'ack-p99',
  about: 'ack p99 at 1,000 a second: 64 connections, open loop, counted from when each was due, no worker',
  sides,
  rows: [{ label: 'ack p99 at 1,000 a second', figure: 'p99Ms', reference: 'bare', target: { most: 2.5 }, unit: 'ms' }],
  measure(side, m) {
    const time = m.isQuick ? { warmUpMs: 1_000, measureMs: 2_000 } : { warmUpMs: 5_000, measureMs: 20_000 }
    return measure(side, m, { ...time, perSecond: 1_000 })
  },
}

export const memory: Case = {
  name: 'memory',
  about: 'resident memory of the ingress, the most of a look a second, at 5,000 a second for a minute',
  sides: ['bridge'],
  rows: [
    {
      label: 'ingress memory at 5,000 a second for a minute',
      figure: 'residentMegabytes',
      target: { most: 200 },
      unit: 'MB',
    },
    // Without this much the row above says little.
    { label: 'acknowledged per second meanwhile', figure: 'perSecond', target: { least: 4_900 }, unit: '/s' },
  ],
  async measure(_side, m) {
    const redis = await m.redis()
    const server = await m.ingress(redis)
    const { perSecond, p99Ms, residentBytes } = await m.load(server, {
      warmUpMs: 1_000,
      measureMs: m.isQuick ? 2_000 : 60_000,
      perSecond: 5_000,
      watch: { server: server.process.pid },
    })
    return {
      residentMegabytes: (residentBytes['server'] ?? 0) / 1e6,
      perSecond,
      p99Ms,
      spooled: await spooledBy(server),
    }
  },
}
