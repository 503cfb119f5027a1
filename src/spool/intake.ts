/**
 * The switch, and all that the ingress knows of it: an event goes straight to Redis, or behind what is in the spool. While the
 * spool is not empty, or Redis is known to be away, nothing goes straight, and so nothing waits for a timeout either.
 * Events of one lane keep the order in which they came, also around the moment at which Redis goes away.
 */
import { RedisUnavailableError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import type { Log } from '../log.ts'
import type { Enqueue, Enqueued } from '../queue/lanes.ts'
import type { Spool, SpoolState } from './spool.ts'

/** Whether Redis can take events now, told at once and without asking it; and if not, why. */
export type Probe = () => { readonly ready: boolean; readonly detail: string }

export type IntakeOptions = {
  /** The straight way, with the short timeout. */
  readonly enqueue: Enqueue
  readonly spool: Pick<Spool, 'append' | 'isEmpty' | 'state'>
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
  state(): IntakeState
}

/** The event has its place: in Redis, or in the order of the spool. `durable` is then the wait for its 200. */
type Placed = { readonly durable: Promise<Enqueued> }

/** One pair of lines a second at most, should Redis come and go. */
const quietMs = 1_000

export function createIntake({ enqueue, spool, probe, log, now = () => performance.now() }: IntakeOptions): Intake {
  /** Lane -> the placing of the latest event of it that is still on its way; never rejects. */
  const latest = new Map<string, Promise<unknown>>()
  let deciding = 0
  let way: IntakeState['way'] = 'straight'
  let since = now()
  let told: number | undefined

  const isStraight = () => deciding === 0 && spool.isEmpty() && probe().ready

  async function place(event: NewEvent, before: Promise<unknown> | undefined): Promise<Placed> {
    if (!isStraight()) return await goBehind(event, before, whyNot())
    if (before !== undefined) {
      // The one before may be refused for a reason that is gone when this one arrives, and must not be passed by it.
      await before
      if (!isStraight()) return await goBehind(event, undefined, whyNot())
    }
    turn('straight', '')
    try {
      return { durable: Promise.resolve(await enqueue(event)) }
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) throw error
      return await goBehind(event, undefined, error.message)
    }
  }

  async function goBehind(event: NewEvent, before: Promise<unknown> | undefined, why: string): Promise<Placed> {
    // From here on nothing goes straight: what comes next must not pass this event.
    deciding += 1
    turn('spool', why)
    if (before !== undefined) await before
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

  const whyNot = () => (spool.isEmpty() && deciding === 0 ? `redis: ${probe().detail}` : 'the spool is not empty')

  return {
    async enqueue(event) {
      const { lane } = event
      const placing = place(event, latest.get(lane))
      const settled: Promise<unknown> = placing
        .catch(() => {})
        .then(() => {
          if (latest.get(lane) === settled) latest.delete(lane)
        })
      latest.set(lane, settled)
      return await (await placing).durable
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
