/**
 * Lanes: events of one lane are processed one at a time, in the order in which Redis took them, whatever fails.
 * Only the head of a lane is in BullMQ; followers are parked in the lane's list. Every step is one script (fused/), so
 * the state is whole after any crash. This file is the way in: enqueue. The way out is consume.ts.
 * Knows nothing of HTTP or of processors.
 */
import type { Config } from '../config.ts'
import { BridgeError, EventRefusedError, RedisUnavailableError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import { encode } from '../event/stored.ts'
import type { Log } from '../log.ts'
import { connectProducer, disconnect } from './connection.ts'
import { checkedScripts } from './fused/bullmq-scripts.ts'
import { type Connection, defineScripts } from './fused/commands.ts'
import { confirmedEnqueue } from './fused/confirmed.ts'
import { type EnqueueAnswer, plainEnqueue } from './fused/enqueue.ts'
import { laneKeyOf, shardIn, shardsOf } from './keys.ts'
import { tightMemory, watchMemory } from './memory.ts'
import { classify } from './redis-errors.ts'
import { warnAboutServer } from './server-check.ts'
import { assertShards } from './shards.ts'

/** What the ingress is told once an event is durable. */
export type Enqueued = {
  readonly eventId: string
  /** The place in its lane. */
  readonly sequence: number
  /** False when the event was there already. */
  readonly isNew: boolean
}

/**
 * Makes an event durable and gives it its place. Safe to repeat: the same event id is taken once.
 * @throws RedisUnavailableError if Redis cannot take anything now; EventRefusedError if it cannot take this event.
 */
export type Enqueue = (event: NewEvent) => Promise<Enqueued>

/**
 * The event id that the first delivery with this fingerprint was given: `eventId` itself if this is the first.
 * @throws RedisUnavailableError if Redis does not say.
 */
export type ClaimEventId = (fingerprint: string, eventId: string) => Promise<string>

export type LanesOptions = {
  readonly redis: Config['redis']
  readonly keys: Config['keys']
  /** Longest lane, its head included; 0 = any. */
  readonly maxLaneEvents: number
  /** How long a delivery is remembered, in milliseconds; 0 = not at all. */
  readonly duplicateWindowMs: number
  readonly log: Log
}

export type Lanes = {
  readonly enqueue: Enqueue
  readonly claimEventId: ClaimEventId
  /** Whether Redis can take events, and if not, why. `isTight` if it can, and what is left of its memory is for the workers. */
  state(): {
    readonly ready: boolean
    readonly detail: string
    readonly isTight: boolean
    /** A connection is on its way, and not known to be refused. */
    readonly isTrying: boolean
  }
  close(): Promise<void>
}

/**
 * Opens the way in. Returns at once, whether Redis is there or not.
 * @throws BridgeError BRIDGE_BULLMQ_VERSION if the installed BullMQ is not the known one.
 */
export function openLanes({ redis: redisConfig, keys, maxLaneEvents, duplicateWindowMs, log }: LanesOptions): Lanes {
  const redis = connectProducer(redisConfig, log, 'bridge-ingress')
  defineScripts(redis, checkedScripts())
  const { waitReplicas: replicas, enqueueTimeoutMs } = redisConfig
  const options = { shards: keys.shards, maxLaneEvents }
  const place =
    replicas === 0
      ? plainEnqueue(redis, options)
      : confirmedEnqueue(redis, options, { replicas, withinMs: Math.ceil(enqueueTimeoutMs * 0.8) })
  const shards = watchShards(redis, keys, log)
  const memory = watchMemory(redis)
  warnAboutServer(redis, log)
  const perShard = shardsOf(keys)

  return {
    async enqueue(event) {
      const laneKey = laneKeyOf(event.lane)
      const shard = shardIn(perShard, laneKey)
      const storable = {
        laneKey,
        jobId: event.eventId,
        name: event.name,
        timestamp: event.receivedAt.getTime(),
        rest: encode(event).slice(1),
      }
      let answer: EnqueueAnswer
      try {
        answer = await place(shard, storable)
        if (answer.status === 'other-shards' && answer.shards === '') {
          // A Redis that is new, or was emptied: whoever comes first records the count.
          await assertShards(redis, keys.prefix, keys.shards)
          answer = await place(shard, storable)
        }
      } catch (error) {
        throw classify(error)
      }
      switch (answer.status) {
        case 'taken':
          return { eventId: event.eventId, sequence: answer.sequence, isNew: true }
        case 'there':
          return { eventId: event.eventId, sequence: answer.sequence, isNew: false }
        case 'full':
          throw new EventRefusedError(
            `The lane holds ${answer.length} events and MAX_LANE_EVENTS allows ${maxLaneEvents}: look why its head does not finish.`,
          )
        case 'other-shards':
          throw new RedisUnavailableError(
            `This process has SHARDS=${keys.shards}, Redis holds ${answer.shards}: give every process the same.`,
          )
      }
    },

    async claimEventId(fingerprint, eventId) {
      const key = shardIn(perShard, fingerprint).delivery(fingerprint)
      try {
        const isFirst = (await redis.set(key, eventId, 'PX', duplicateWindowMs, 'NX')) === 'OK'
        return isFirst ? eventId : ((await redis.get(key)) ?? eventId)
      } catch (error) {
        throw classify(error)
      }
    },

    state() {
      const problem = shards.problem()
      if (problem !== undefined) return { ready: false, detail: problem, isTight: false, isTrying: false }
      const ready = redis.status === 'ready'
      const isTight = ready && memory.isTight()
      const isTrying = redis.status === 'connecting' || redis.status === 'connect'
      return { ready, detail: isTight ? tightMemory : redis.status, isTight, isTrying }
    },

    close() {
      memory.stop()
      return disconnect(redis)
    },
  }
}

/** How long after a failed look at the shard count the next one is, in milliseconds. */
const lookAgainMs = 500

/** Compares the shard count each time Redis becomes reachable; a mismatch keeps the process unready and says so. */
function watchShards(redis: Connection, keys: Config['keys'], log: Log): { problem(): string | undefined } {
  let problem: string | undefined
  const check = (): Promise<void> =>
    assertShards(redis, keys.prefix, keys.shards).then(
      () => {
        problem = undefined
      },
      (error: unknown) => {
        if (!(error instanceof BridgeError)) {
          if (redis.status === 'ready') setTimeout(() => void check(), lookAgainMs).unref()
          return
        }
        problem = error.message
        log.fatal({ code: error.code }, error.message)
      },
    )
  redis.on('ready', () => void check())
  return { problem: () => problem }
}
