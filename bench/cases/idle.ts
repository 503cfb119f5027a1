/**
 * Idling: what all processes ask of Redis while nothing comes.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Case, Figures } from '../case.ts'
import type { Measurement } from '../support/measurement.ts'
import { commandStats } from '../support/redis.ts'
import { cpuSecondsOf } from '../support/system.ts'

/** What is asked at the start alone is over by then. */
const settleMs = 15_000

async function measure(_side: string, m: Measurement): Promise<Figures> {
  const redis = await m.redis()
  await m.ingress(redis)
  m.worker(redis)
  await m.admin(redis)
  await pause(m.isQuick ? 3_000 : settleMs)
  const seconds = m.isQuick ? 3 : 30
  await redis.client.config('RESETSTAT')
  const used = cpuSecondsOf(redis.process.pid)
  await pause(seconds * 1_000)
  const stats = await commandStats(redis.client)
  // Of the bench itself.
  stats.delete('config|resetstat')
  stats.delete('info')
  const calls = [...stats.values()].reduce((sum, stat) => sum + stat.calls, 0)
  return {
    commandsPerSecond: calls / seconds,
    redisCpuPercent: ((cpuSecondsOf(redis.process.pid) - used) / seconds) * 100,
  }
}

export const idle: Case = {
  name: 'idle',
  about:
    'Redis commands a second, those within scripts too, of one ingress, one worker and one admin with nothing to do',
  sides: ['bridge'],
  rows: [{ label: 'Redis commands a second when idle', figure: 'commandsPerSecond', target: { most: 10 }, unit: '/s' }],
  measure,
}
