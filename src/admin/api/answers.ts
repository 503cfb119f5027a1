/**
 * What the functions of the queue tell, in the form of the API. Pure.
 */
import type { z } from 'zod'
import type { BlockedLane } from '../../queue/blocked.ts'
import type { DeadLetter } from '../../queue/dead-letters.ts'
import type { ErrorGroups } from '../../queue/error-groups.ts'
import type { Process } from '../../queue/heartbeat.ts'
import type { LaneEvent } from '../../queue/history.ts'
import type { Overview } from '../../queue/overview.ts'
import type { FoundCall } from '../../queue/search.ts'
import type { Timeline } from '../../queue/timeline.ts'
import type * as schemas from './schemas.ts'

type Answer<S extends z.ZodType> = z.input<S>

const iso = (at: number) => new Date(at).toISOString()

export function overviewAnswer(overview: Overview, processes: readonly Process[]): Answer<typeof schemas.overview> {
  const alive = processes.filter(({ isAlive }) => isAlive)
  const spools = alive.flatMap(({ spool }) => spool ?? [])
  const oldest = spools.flatMap(({ events = 0, oldestAt }) => (events > 0 && oldestAt !== undefined ? [oldestAt] : []))
  const sum = (name: 'events' | 'bytes' | 'quarantined') =>
    spools.reduce((total, spool) => total + (spool[name] ?? 0), 0)
  const { waiting, active, delayed, parked, dead, completed, lanes, blockedLanes, oldestWaitingMs, oldestBlockedMs } =
    overview
  return {
    waiting,
    active,
    delayed,
    parked,
    dead,
    completed,
    lanes,
    blockedLanes,
    oldestWaitingMs,
    oldestBlockedMs,
    workers: alive.filter(({ kind }) => kind === 'worker').length,
    spool: {
      events: sum('events'),
      bytes: sum('bytes'),
      oldestMs: oldest.length === 0 ? 0 : Math.max(0, overview.at - Math.min(...oldest)),
      quarantined: sum('quarantined'),
    },
    processes: processes.map(({ kind, id, version, host, isAlive, isReady, startedAt, lastAt }) => ({
      kind,
      id,
      version,
      host,
      isAlive,
      isReady,
      startedAt: iso(startedAt),
      lastAt: iso(lastAt),
    })),
    at: iso(overview.at),
  }
}

/** Undefined for a lane of which nothing is kept. */
export function timelineAnswer(
  timeline: Timeline & { readonly sources?: readonly string[] },
): Answer<typeof schemas.timeline> | undefined {
  const { callId, lane, source, sources, state, events, earlier, later, behind, blockedSince } = timeline
  if (state === null) return undefined
  return {
    callId,
    lane,
    source,
    ...(sources === undefined ? {} : { sources: [...sources] }),
    state,
    events: events.map(eventAnswer),
    earlier,
    later,
    behind,
    blockedSince: blockedSince === undefined ? null : iso(blockedSince),
  }
}

function eventAnswer(event: LaneEvent): Answer<typeof schemas.timeline>['events'][number] {
  const { eventId, name, sequence, receivedAt, state, nextTryAt, finishedAt, attempts } = event
  return {
    eventId,
    name,
    sequence,
    receivedAt: iso(receivedAt),
    state,
    ...(nextTryAt === undefined ? {} : { nextTryAt: iso(nextTryAt) }),
    ...(finishedAt === undefined ? {} : { finishedAt: iso(finishedAt) }),
    attempts: attempts.map(({ startedAt, ...attempt }) => ({
      ...attempt,
      startedAt: startedAt === 0 ? null : iso(startedAt),
    })),
  }
}

export function foundAnswer(calls: readonly FoundCall[]): Answer<typeof schemas.found> {
  return { calls: calls.map((call) => ({ ...call, firstAt: iso(call.firstAt), lastAt: iso(call.lastAt) })) }
}

export function deadAnswer(letter: DeadLetter): Answer<typeof schemas.dead>['dead'][number] {
  const { eventId, name, callId, lane, deadAt, attempts, error, event } = letter
  return { eventId, name, callId, lane, deadAt: iso(deadAt), attempts, error, event: { ...event } }
}

export function errorsAnswer({ groups, grouped, dead }: ErrorGroups): Answer<typeof schemas.errors> {
  const told = groups.map(({ firstAt, lastAt, events, ...group }) => ({
    ...group,
    events: [...events],
    firstAt: iso(firstAt),
    lastAt: iso(lastAt),
  }))
  return { groups: told, grouped, dead }
}

export function blockedAnswer(lanes: readonly BlockedLane[]): Answer<typeof schemas.blocked> {
  const told = lanes.map(({ lane, callId, eventId, name, since, error, behind }) => ({
    lane,
    callId,
    eventId,
    name,
    since: iso(since),
    error,
    behind,
  }))
  return { blocked: told }
}
