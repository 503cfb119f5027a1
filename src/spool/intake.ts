/**
 * The switch, and all that the ingress knows of it: an event goes straight to Redis, or behind what is in the spool. While the
 * spool is not empty, Redis is known to be away, or its memory is left to the workers, nothing goes straight; and nothing waits
 * for a timeout that it need not wait for.
 * Events of one lane keep the order in which they came, also around the moment at which Redis goes away.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { RedisUnavailableError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import type { Log } from '../log.ts'
import type { ClaimEventId, Enqueue, Enqueued } from '../queue/lanes.ts'
import type { Spool, SpoolState } from './spool.ts'

/**
 * Whether Redis can take events now, told at once and without asking it; and if not, why. `isTight`: it can, and what is left of
 * its memory is for the workers. `isTrying`: whether it can will be known in a moment.
 */
export type Probe = () => {
  readonly ready: boolean
  readonly detail: string
  readonly isTight?: boolean
  readonly isTrying?: boolean
}

export type IntakeOptions = {
  /** The straight way, with the short timeout. */
  readonly enqueue: Enqueue
  /** With the short timeout, too. Default: every delivery is the first. */
  readonly claimEventId?: ClaimEventId
  readonly spool: Pick<Spool, 'append' | 'isEmpty' | 'ending' | 'state'>
  readonly probe: Probe
  readonly log: Log
  /** Milliseconds; a clock that never steps by default. */
  readonly now?: () => number
}

export type IntakeState = {
  /** Events can be made durable: by Redis, or because the spool has room. */
  readonly ready: boolean
  /** Where the next event goes. */
  readonly way: 'straight' | 'spool'
  /** Milliseconds since that has been so. */
  readonly forMs: number
  readonly redis: { readonly ready: boolean; readonly detail: string }
  readonly spool: SpoolState
}

export type Intake = {
  /**
   * Makes an event durable, in Redis or in the spool. `sequence` is 0 if it went to the spool: its lane gives it one later.
   * @throws EventRefusedError if Redis refuses this one event; RedisUnavailableError if neither way takes it.
   */
  readonly enqueue: Enqueue
  /** Answers the delivery's own event id while Redis is away or hangs: a repeat is taken for a new event. Never rejects. */
  readonly claimEventId: ClaimEventId
  /**
   * Resolves once it is known whether Redis is there, or after `limitMs`. An ingress that begins beside others waits for this: what
   * it spooled before it knew its Redis would be passed by what they send straight. It does not wait for a spool that drains:
   * until it listens, webhooks are lost.
   */
  untilKnown(limitMs: number): Promise<void>
  state(): IntakeState
}

/** The event has its place: in Redis, or in the order of the spool. `durable` is then what is told, or the wait for it. */
type Placed = { readonly durable: Enqueued | Promise<Enqueued> }

/** One pair of lines a second at most, should Redis come and go. */
const quietMs = 1_000

/** How long a Redis that has just failed is not asked by a webhook: a wait for its id and one for its place would add up. */
const doubtMs = 1_000

export function createIntake(options: IntakeOptions): Intake {
  const { enqueue, claimEventId, spool, probe, log, now = () => performance.now() } = options
  /** Lane -> the placing of the latest event of it that is still on its way. */
  const latest = new Map<string, Promise<Placed>>()
  let deciding = 0
  let way: IntakeState['way'] = 'straight'
  let since = now()
  let told: number | undefined
  let doubtedUntil = Number.NEGATIVE_INFINITY

  const isStraight = () => deciding === 0 && spool.isEmpty() && isOpen()
  const isDoubted = () => now() < doubtedUntil

  /** A tight memory is left alone as long as there is another place. */
  function isOpen(): boolean {
    const { ready, isTight = false } = probe()
    return ready && !isDoubted() && !(isTight && spool.state().ready)
  }

  async function place(event: NewEvent, before: Promise<Placed> | undefined): Promise<Placed> {
    if (!isStraight()) {
      const ending = isOpen() ? spool.ending() : undefined
      // Without one nothing is awaited: its place behind what is held is that of this call.
      if (ending !== undefined) await ending
      if (ending === undefined || !isStraight()) return await goBehind(event, before, whyNot())
    }
    if (before !== undefined) {
      // The one before may be refused for a reason that is gone when this one arrives, and must not be passed by it.
      await settled(before)
      if (!isStraight()) return await goBehind(event, undefined, whyNot())
    }
    turn('straight', '')
    try {
      return { durable: await enqueue(event) }
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) throw error
      doubtedUntil = now() + doubtMs
      return await goBehind(event, undefined, error.message)
    }
  }

  async function goBehind(event: NewEvent, before: Promise<Placed> | undefined, why: string): Promise<Placed> {
    // From here on nothing goes straight: what comes next must not pass this event.
    deciding += 1
    turn('spool', why)
    if (before !== undefined) await settled(before)
    const durable = spool.append(event).then(() => ({ eventId: event.eventId, sequence: 0, isNew: true }))
    deciding -= 1
    return { durable }
  }

  function turn(to: IntakeState['way'], why: string): void {
    if (way === to) return
    const forMs = now() - since
    way = to
    since = now()
    if (to === 'straight') {
      if (told !== undefined) log.info({ spooledMs: Math.round(forMs) }, 'events go straight to redis again')
    } else if (told === undefined || since - told >= quietMs) {
      told = since
      log.warn({ why }, 'events go to the spool')
    }
  }

  function whyNot(): string {
    if (!spool.isEmpty() || deciding > 0) return 'the spool is not empty'
    if (isDoubted()) return 'redis has just failed'
    const { detail } = probe()
    return /redis/i.test(detail) ? detail : `redis: ${detail}`
  }

  return {
    async enqueue(event) {
      const { lane } = event
      const placing = place(event, latest.get(lane))
      latest.set(lane, placing)
      let placed: Placed
      try {
        placed = await placing
      } finally {
        if (latest.get(lane) === placing) latest.delete(lane)
      }
      return placed.durable
    },

    async claimEventId(fingerprint, eventId) {
      if (claimEventId === undefined || !probe().ready || isDoubted()) return eventId
      try {
        return await claimEventId(fingerprint, eventId)
      } catch {
        // Rather an event twice than none: without Redis nobody knows whether it came before.
        doubtedUntil = now() + doubtMs
        return eventId
      }
    },

    async untilKnown(limitMs) {
      const end = now() + limitMs
      while (probe().isTrying && now() < end) await pause(5)
    },

    state() {
      const redis = probe()
      const spooled = spool.state()
      const straight = isStraight()
      return {
        ready: redis.ready || spooled.ready,
        way: straight ? 'straight' : 'spool',
        forMs: Math.round(now() - since),
        redis,
        spool: spooled,
      }
    },
  }
}

/** Waits until it is placed, or refused: its own sender is told why. */
const settled = (placing: Promise<Placed>): Promise<unknown> => placing.catch(() => {})
