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
import { eventIn } from './spool.ts'

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

export type Sent = { readonly acked: Map<string, string[]>; refused: number; slowestMs: number }

/** Senders, one a lane, each its next event after the answer to the one before, until told to stop. */
export function startSenders(intake: Intake, lanes: readonly string[], pauseMs: number) {
  const sent: Sent = { acked: new Map(lanes.map((lane) => [lane, []])), refused: 0, slowestMs: 0 }
  let isStopped = false
  const running = lanes.map(async (lane) => {
    while (!isStopped) {
      const event = eventIn(lane)
      const started = performance.now()
      try {
        await intake.enqueue(event)
        sent.acked.get(lane)?.push(event.eventId)
      } catch {
        sent.refused += 1
      }
      sent.slowestMs = Math.max(sent.slowestMs, performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  })
  return {
    sent,
    async stop(): Promise<Sent> {
      isStopped = true
      await Promise.all(running)
      return sent
    },
    count: () => [...sent.acked.values()].reduce((sum, ids) => sum + ids.length, 0),
  }
}

/** Event ids that a lane took, in its order. */
export async function takenBy(t: TestContext, url: string, prefix: string, lane: string): Promise<string[]> {
  return await inspect(t, url).zrange(shardKeys(prefix, 0).call(laneKeyOf(lane)), '0', '-1')
}
