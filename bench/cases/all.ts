/** Every case, in the order in which they run. */
import type { Case } from '../case.ts'
import { ackRate } from './ack.ts'

export const cases: readonly Case[] = [ackRate]

/** Other names: rows that are read from the same runs. */
export const aliases: Readonly<Record<string, string>> = { 'ack-cpu': 'ack-rate' }
