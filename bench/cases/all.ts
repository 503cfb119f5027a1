/** Every case, in the order in which they run. */
import type { Case } from '../case.ts'
import { ackRate } from './ack.ts'
import { drainHot, drainLanes, drainWide } from './drain.ts'

export const cases: readonly Case[] = [ackRate, drainLanes, drainWide, drainHot]

/** Other names: rows that are read from the same runs. */
export const aliases: Readonly<Record<string, string>> = { 'ack-cpu': 'ack-rate' }
