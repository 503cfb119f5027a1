/**
 * The way of an event as the ingress process has it: straight to a real Redis, or through the spool. And what Redis holds of it.
 */
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import type { Log } from '../../src/log.ts'
import { laneKeyOf, shardKeys } from '../../src/queue/keys.ts'
import { openLanes } from '../../src/queue/lanes.ts'
import { createIntake, type Intake } from '../../src/spool/intake.ts'
import { openSpool, type Spool } from '../../src/spool/spool.ts'
import { inspect } from './redis.ts'

export type Way = { readonly intake: Intake; readonly spool: Spool; close(limitMs?: number): Promise<void> }

/** Fast lanes for the ingress, patient ones for the drain, spool and switch, from the settings of a process. */
export async function openWay(env: Record<string, string>, log: Log): Promise<Way> {
  const { redis, keys, lanes, ingress, spool: disk } = loadConfig(env)
  const { maxLaneEvents } = lanes
  const { duplicateWindowMs } = ingress
  const fast = openLanes({ redis, keys, maxLaneEvents, duplicateWindowMs, log })
  const patience = { ...redis, enqueueTimeoutMs: Math.max(2_000, 4 * redis.enqueueTimeoutMs) }
  const patient = openLanes({ redis: patience, keys, maxLaneEvents, duplicateWindowMs, log })
  const spool = await openSpool({
    ...disk,
    limitMs: redis.enqueueTimeoutMs,
    enqueue: fast.enqueue,
    enqueuePatiently: (event) => (patient.state().ready ? patient : fast).enqueue(event),
    mayWait: () => (fast.state().isTight ? fast.state().detail : undefined),
    log,
  })
  const intake = createIntake({ enqueue: fast.enqueue, spool, probe: fast.state, log })
  return {
    intake,
    spool,
    async close(limitMs) {
      await spool.close(limitMs)
      await Promise.all([fast.close(), patient.close()])
    },
  }
}

/** Event ids that a lane took, in its order. */
export async function takenBy(t: TestContext, url: string, prefix: string, lane: string): Promise<string[]> {
  return await inspect(t, url).zrange(shardKeys(prefix, 0).call(laneKeyOf(lane)), '0', '-1')
}
