/**
 * Health: one sentence on how it goes, with its reason, and what else is wrong. Pure. Ages are said in steps, so that the
 * sentence changes only when something does.
 */
import type { Process } from '../../queue/heartbeat.ts'
import { tightFrom } from '../../queue/memory.ts'
import type { Overview } from '../../queue/overview.ts'
import { memoryShareOf, type RedisHealth, risksOf } from '../../queue/redis-health.ts'
import { coarse, count } from './show.ts'

export type Level = 'well' | 'watch' | 'bad'

export type Health = {
  readonly level: Level
  readonly sentence: string
  /** What else is wrong, the worst first. */
  readonly also: readonly string[]
}

export type Facts = {
  readonly overview: Overview
  readonly processes: readonly Process[]
  /** Undefined if Redis does not tell. */
  readonly redis: readonly RedisHealth[] | undefined
}

/** Waiting longer than this is worth a look, in milliseconds. */
const watchWaitingMs = 60_000

/** Waiting longer than this is bad, in milliseconds: the mark of the alert. */
const badWaitingMs = 300_000

const slowAckMs = 1_000

/** Each says what is wrong, or nothing; the worst first. */
export function healthOf(facts: Facts): Health {
  const bad = [...ofRedis(facts), ...ofProcesses(facts), ...ofLanes(facts)]
  const watch = [...ofSpool(facts), ...ofLetters(facts)]
  const [first, ...also] = [...bad, ...watch]
  if (first !== undefined) return { level: bad.length > 0 ? 'bad' : 'watch', sentence: first, also }
  return { level: 'well', sentence: `All is well: ${whatIsWell(facts)}.`, also: [] }
}

/** The level in a word, which says it without its colour. */
export const levelWords: Readonly<Record<Level, string>> = { well: 'Well', watch: 'Look', bad: 'Act' }

function* ofRedis({ redis }: Facts): Iterable<string> {
  for (const health of redis ?? []) {
    const { node, policy } = health
    const server = node === '' ? 'Redis' : `Redis at ${node}`
    const risks = risksOf(health)
    if (risks.includes('cannot-write')) yield `${server} cannot write its append-only file: its disk is full or broken.`
    if (memoryShareOf(health) >= tightFrom)
      yield `${server} has used more than 80 % of its memory: events go to the spool, and the oldest completed ones go early.`
    if (risks.includes('evicts'))
      yield `${server} drops keys when its memory is full (${policy}): set maxmemory-policy noeviction.`
    if (risks.includes('no-append-only-file'))
      yield `${server} keeps no append-only file: what was acknowledged is lost when it crashes.`
  }
}

function* ofProcesses({ overview, processes }: Facts): Iterable<string> {
  const alive = (kind: Process['kind']) => processes.filter((process) => process.kind === kind && process.isAlive)
  if (alive('ingress').length === 0) yield 'No ingress is alive: webhooks are not taken.'
  const left = overview.waiting + overview.active + overview.delayed
  if (alive('worker').length === 0)
    yield left > 0 ? 'Events wait and no worker is alive.' : 'No worker is alive: the next event will wait.'
  for (const process of processes)
    if (process.isAlive && process.isReady === false)
      yield `${process.kind === 'worker' ? 'A worker' : `An ${process.kind}`} is alive and not ready: ${process.redis ?? 'it does not say why'}.`
}

function* ofLanes({ overview }: Facts): Iterable<string> {
  const { blockedLanes, oldestBlockedMs, oldestWaitingMs } = overview
  if (blockedLanes > 0)
    yield `${count(blockedLanes, 'lane is', 'lanes are')} blocked, the longest for ${coarse(oldestBlockedMs)}: replay or discard the head.`
  if (oldestWaitingMs >= badWaitingMs) yield `The oldest event waits for ${coarse(oldestWaitingMs)}.`
}

function* ofSpool({ processes }: Facts): Iterable<string> {
  const spooled = processes.filter(({ kind, spool }) => kind === 'ingress' && (spool?.events ?? 0) > 0)
  if (spooled.length > 0)
    yield `Events are in the spool of ${count(spooled.length, 'ingress', 'ingresses')}: they wait on its disk for Redis.`
  const refused = processes.filter(({ spool }) => (spool?.quarantined ?? 0) > 0)
  if (refused.length > 0) yield 'A spool has files in its quarantine: look at them, they stop nothing.'
  const slow = processes.filter(({ isAlive, ackP99Ms }) => isAlive && (ackP99Ms ?? 0) > slowAckMs)
  if (slow.length > 0) yield 'Acks are slow: one in a hundred takes longer than a second.'
}

function* ofLetters({ overview }: Facts): Iterable<string> {
  const { oldestWaitingMs, dead, deadLastMinute, blockedLanes } = overview
  if (oldestWaitingMs >= watchWaitingMs && oldestWaitingMs < badWaitingMs)
    yield `The oldest event waits for ${coarse(oldestWaitingMs)}.`
  // The heads of blocked lanes are dead letters, too, and have been told of.
  const others = dead - blockedLanes
  if (others > 0)
    yield `${count(others, 'dead letter waits', 'dead letters wait')} for a replay or discard${deadLastMinute > 0 ? ', and there are new ones' : ''}.`
}

function whatIsWell({ processes, overview }: Facts): string {
  const alive = (kind: Process['kind']) =>
    processes.filter((process) => process.kind === kind && process.isAlive).length
  const waiting = overview.oldestWaitingMs === 0 ? 'no event waits' : 'no event waits longer than a minute'
  return `${count(alive('ingress'), 'ingress', 'ingresses')} and ${count(alive('worker'), 'worker')} are alive, ${waiting}, no lane is blocked, and there is no dead letter`
}
