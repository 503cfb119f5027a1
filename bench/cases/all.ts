/** Every case, in the order in which they run. */
import type { Case } from '../case.ts'
import { ackP99, ackRate, memory } from './ack.ts'
import { backlog, blocked } from './backlog.ts'
import { bytesFinished, bytesParked } from './bytes.ts'
import { drainHot, drainLanes, drainWide } from './drain.ts'
import { idle } from './idle.ts'
import { shards } from './shards.ts'
import { waitP99 } from './wait.ts'

export const cases: readonly Case[] = [
  ackRate,
  ackP99,
  drainLanes,
  drainWide,
  drainHot,
  waitP99,
  bytesParked,
  bytesFinished,
  backlog,
  blocked,
  shards,
  idle,
  memory,
]

/** Other names: rows that are read from the same runs. */
export const aliases: Readonly<Record<string, string>> = { 'ack-cpu': 'ack-rate' }
