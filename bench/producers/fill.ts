/**
 * Puts events into a queue from a process of its own, without HTTP: the way of each side into Redis, 64 at a time. Told what to
 * do by its one argument, it answers with one line of JSON.
 */
import { Queue } from 'bullmq'
import { Queue as GroupQueue } from 'groupmq'
import { Redis } from 'ioredis'
import { v7 } from 'uuid'
import { loadConfig } from '../../src/config.ts'
import { normalise } from '../../src/event/normalise.ts'
import { createLog } from '../../src/log.ts'
import { openLanes } from '../../src/queue/lanes.ts'
import { bodyOf, callIdOf } from '../support/payload.ts'

export type FillOptions = {
  readonly side: FillSide
  readonly lanes: number
  readonly perLane: number
  /** Number of the first call. */
  readonly firstCall: number
  /** Place of the first event in its call. */
  readonly firstTurn: number
  /** Events are given to the queue this many at a time. */
  readonly inFlight: number
}

export type FillSide = 'bridge' | 'bullmq' | 'groupmq' | 'rpush'

export type FillResult = { readonly events: number; readonly seconds: number }

/** Puts one event where it belongs: the body of the call's event with this place in it. */
type Put = (call: number, turn: number) => Promise<unknown>

const url = process.env['REDIS_URL'] ?? ''
const { side, lanes, perLane, firstCall, firstTurn, inFlight } = JSON.parse(process.argv[2] ?? '{}') as FillOptions

const openers: Readonly<Record<FillSide, () => Promise<Put>>> = {
  async bridge() {
    const { redis, keys } = loadConfig({ ...process.env, ENQUEUE_TIMEOUT_MS: '4000' })
    const log = createLog({ level: 'silent' })
    const way = openLanes({ redis, keys, maxLaneEvents: 0, duplicateWindowMs: 0, log })
    while (!way.state().ready) await new Promise((resolve) => setTimeout(resolve, 10))
    const wire = {
      method: 'POST',
      path: '/',
      query: '',
      contentType: 'application/json',
      bodyEncoding: 'utf8',
    } as const
    return (call, turn) => {
      const origin = { eventId: v7(), source: 'default', receivedAt: new Date(), timeZone: 'UTC' }
      const normalised = normalise({ ...wire, body: bodyOf(call, turn) }, origin)
      if (normalised.kind !== 'event') throw new Error('the body is no event')
      return way.enqueue(normalised.event)
    }
  },

  async bullmq() {
    const queue = new Queue('webhooks', { connection: { url } })
    await queue.waitUntilReady()
    return (call, turn) => queue.add('Cdr', JSON.parse(bodyOf(call, turn)))
  },

  async groupmq() {
    const redis = new Redis(url, { maxRetriesPerRequest: null })
    const queue = new GroupQueue({ redis, namespace: 'webhooks' })
    await redis.ping()
    return (call, turn) =>
      queue.add({ groupId: callIdOf(call), data: JSON.parse(bodyOf(call, turn)), orderMs: Date.now() })
  },

  async rpush() {
    const redis = new Redis(url)
    await redis.ping()
    return (call, turn) => redis.rpush(`webhooks:${callIdOf(call)}`, bodyOf(call, turn))
  },
}

const put = await openers[side]()
const events = lanes * perLane
let next = 0
const startedAt = performance.now()
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    // The first event of every lane, then the second of every lane.
    for (let number = next++; number < events; number = next++)
      await put(firstCall + (number % lanes), firstTurn + Math.floor(number / lanes))
  }),
)
const result: FillResult = { events, seconds: (performance.now() - startedAt) / 1_000 }
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
