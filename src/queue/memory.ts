/**
 * How full Redis is. From 80 % of its `maxmemory` on the rest belongs to the workers, whose fetches and holds are refused
 * when it is full: the ingress spools, and the oldest completed events go early. Below 75 % all is as before.
 */
import type { Connection } from './fused/commands.ts'
import { healthIn, mastersOf, memoryShareOf } from './redis-health.ts'

/** From this share on memory is tight. */
export const tightFrom = 0.8
const freeBelow = 0.75

/** What is said of a Redis that is tight. */
export const tightMemory = 'redis memory above 80 %'

/** The share of `maxmemory` in use, of the fullest master in a Cluster; 0 if there is no limit. Rejects if Redis does not say. */
export async function memoryShare(redis: Connection): Promise<number> {
  const infos = await Promise.all(mastersOf(redis).map((server) => server.info('memory')))
  return Math.max(0, ...infos.map((info) => memoryShareOf(healthIn(info))))
}

/** Whether memory is tight, of one share after the other: from 80 % on, until it is below 75 %. Between them at first: `first`. */
export function memoryRule({ first }: { first: boolean }): (share: number) => boolean {
  let isTight = first
  return (share) => {
    isTight = share >= tightFrom || (isTight && share >= freeBelow)
    return isTight
  }
}

export type MemoryWatch = {
  /** As of the last time Redis said so; false before the first. */
  isTight(): boolean
  stop(): void
}

/** Asks whenever the connection becomes ready, and then every `everyMs` (default 1 s) while it is. Keeps no process alive. */
export function watchMemory(redis: Connection, everyMs = 1_000): MemoryWatch {
  const rule = memoryRule({ first: false })
  let isTight = false
  let isAsking = false
  const ask = async () => {
    if (isAsking || redis.status !== 'ready') return
    isAsking = true
    try {
      isTight = rule(await memoryShare(redis))
    } catch {
      // Gone, slow, or not allowed to ask: a memory that is full shows in its refusals, too.
    } finally {
      isAsking = false
    }
  }
  redis.on('ready', () => void ask())
  const timer = setInterval(() => void ask(), everyMs)
  timer.unref()
  return { isTight: () => isTight, stop: () => clearInterval(timer) }
}
