/**
 * Waiting: from the receipt of an event to its first attempt, while a worker keeps up.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Figures } from '../case.ts'
import { shareOf } from '../statistics.ts'
import type { Measurement } from '../support/measurement.ts'
import type { Waits } from '../support/waits.ts'
import { startSide } from './ack.ts'

async function measure(side: string, m: Measurement): Promise<Figures> {
  const { server, redis } = await startSide(side, m)
  if (redis === undefined) throw new Error(`${side} has no Redis`)
  const env = { BENCH_WAITS: join(m.scope.folder(), 'waits.json') }
  const worker =
    side === 'bridge'
      ? m.worker(redis, { env: { ...env, WORKERS_DIR: m.file('bench/processors/waits') } })
      : m.node('bench/references/naive-worker.ts', { ...env, REDIS_URL: redis.url })
  const warmUpMs = m.isQuick ? 1_000 : 5_000
  const { perSecond } = await m.load(server, { warmUpMs, measureMs: m.isQuick ? 2_000 : 20_000, perSecond: 1_000 })
  // Its end waits for what it has begun.
  await worker.stop(30_000)
  const { receivedAt, waitedMs } = JSON.parse(readFileSync(env.BENCH_WAITS, 'utf8')) as Waits
  const from = Math.min(...receivedAt.slice(0, 1_000)) + warmUpMs
  const waits = waitedMs.filter((_, index) => (receivedAt[index] ?? 0) >= from)
  return {
    waitP99Ms: shareOf(waits, 0.99),
    waitP50Ms: shareOf(waits, 0.5),
    waitMaxMs: shareOf(waits, 1),
    perSecond,
    attempts: waits.length,
  }
}

export const waitP99: Case = {
  name: 'wait-p99',
  about: 'received to first attempt at 1,000 a second, one worker: open loop, 64 connections, 64 attempts at a time',
  sides: ['naive', 'bridge'],
  rows: [
    {
      label: 'received to first attempt, p99, 1,000 a second',
      figure: 'waitP99Ms',
      reference: 'naive',
      target: { most: 0.5 },
      unit: 'ms',
    },
  ],
  measure,
}
