/**
 * Acknowledging: how many webhooks a second one process answers 200 once they are durable, and what one costs it.
 */
import type { Case, Figures } from '../case.ts'
import type { Measurement, Server } from '../support/measurement.ts'
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

async function measure(side: string, m: Measurement): Promise<Figures> {
  const { server, redis } = await startSide(side, m)
  const watch = { server: server.process.pid, ...(redis && { redis: redis.process.pid }) }
  const time = m.isQuick ? { warmUpMs: 500, measureMs: 1_500 } : { warmUpMs: 3_000, measureMs: 10_000 }
  const { acked, perSecond, p50Ms, p99Ms, cpu } = await m.load(server, { ...time, watch })
  const microseconds = (name: string) => ((cpu[name] ?? 0) * 1e6) / acked
  return {
    perSecond,
    serverCpuMicroseconds: microseconds('server'),
    redisCpuMicroseconds: microseconds('redis'),
    loadCpuMicroseconds: microseconds('load'),
    p50Ms,
    p99Ms,
    spooled: await spooledBy(server),
  }
}

export const ackRate: Case = {
  name: 'ack-rate',
  about: 'acknowledged per second and server CPU per event: 64 connections, closed loop, calls of eight, no worker',
  sides: ['bare', 'bridge', 'naive', 'groupmq', 'rpush'],
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
  measure,
}
