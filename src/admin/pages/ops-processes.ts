/**
 * Of the ops page: processes, spools, Redis, and what operators did.
 */
import type { Action } from '../../queue/actions.ts'
import type { Process } from '../../queue/heartbeat.ts'
import type { RedisHealth } from '../../queue/redis-health.ts'
import { saySelector, words } from './actions.ts'
import { type Html, html } from './html.ts'
import { type Row, table } from './layout.ts'
import type { OpsState } from './ops-read.ts'
import { count, duration, type Show, size } from './show.ts'

/** Workers and ingresses, spools, Redis, recent actions. */
export function processSections({ processes, redis, actions, overview }: OpsState, show: Show): Html {
  return html`<section id="processes"><h2>Processes</h2>${table(
    'Processes heard of in the last ten minutes',
    ['Process', 'Version', 'Host', 'Heard', 'Runs since', 'Does'],
    processes.map((process) => processRow(process, overview.at, show)),
    'No process has been heard in the last ten minutes.',
  )}</section>
<section id="spools"><h2>Spools</h2>${table(
    'Spools of the ingresses',
    ['Ingress', ['Events', 'number'], 'Oldest', 'On disk', 'Quarantine'],
    processes.filter(({ kind }) => kind === 'ingress').map((process) => spoolRow(process, overview.at, show)),
    'No ingress has been heard.',
  )}</section>
<section id="redis"><h2>Redis</h2>${
    redis === undefined
      ? html`<p class="none">Redis does not tell of itself: INFO is not allowed.</p>`
      : table('Redis servers', ['Server', 'Memory', 'When full', 'Persistence'], redis.map(redisRow), 'None.')
  }</section>
<section id="actions"><h2>Recent actions</h2>${table(
    'What operators did, newest first',
    ['When', 'Who', 'What', 'Which', 'Done'],
    actions.map((action) => actionRow(action, show)),
    'Nothing has been replayed or discarded.',
  )}</section>`
}

function processRow(process: Process, now: number, show: Show): Row {
  const { id, kind, version, host, pid, isAlive, isReady, silentMs, startedAt } = process
  const state = !isAlive ? 'gone' : isReady === false ? 'alive, not ready' : 'alive'
  const mark = isAlive && isReady !== false ? 'completed' : 'dead'
  return {
    id: `process-${id}`,
    cells: [
      kind,
      show.name(version),
      html`${show.name(host ?? '')} <small>${pid}</small>`,
      html`<span class="state ${mark}">${state}</span> <small>${duration(silentMs)} ago</small>`,
      html`${show.time(startedAt)} <small>${duration(now - startedAt)}</small>`,
      doing(process),
    ],
  }
}

function doing({ kind, active, concurrency, received, ackP99Ms }: Process): string {
  if (kind === 'worker') return `${active ?? 0} of ${concurrency ?? '?'} attempts`
  if (kind !== 'ingress') return ''
  const acks = ackP99Ms === undefined ? '' : `, acks within ${duration(ackP99Ms)}`
  return `${count(received ?? 0, 'webhook')}${acks}`
}

function spoolRow({ id, host, pid, spool, isAlive }: Process, now: number, show: Show): Row {
  const { events = 0, bytes = 0, maxBytes = 0, oldestAt, quarantined = 0 } = spool ?? {}
  const full = maxBytes > 0 ? ` of ${size(maxBytes)}` : ''
  return {
    id: `spool-${id}`,
    cells: [
      html`${show.name(host ?? '')} <small>${pid}${!isAlive && ', gone'}</small>`,
      events.toLocaleString('en'),
      oldestAt === undefined ? 'none' : duration(now - oldestAt),
      `${size(bytes)}${full}`,
      count(quarantined, 'file'),
    ],
  }
}

function redisRow(server: RedisHealth): Row {
  const { node, version, usedBytes, maxBytes, policy, isAppendOnly, isLastWriteOk, isLoading } = server
  const memory =
    maxBytes > 0
      ? html`<meter min="0" max="100" high="80" value="${Math.round((100 * usedBytes) / maxBytes)}" aria-label="Memory used"></meter> ${size(usedBytes)} of ${size(maxBytes)}`
      : html`${size(usedBytes)}, no limit of its own`
  const file = !isAppendOnly
    ? 'no append-only file'
    : isLastWriteOk
      ? 'append-only file, last write succeeded'
      : 'append-only file, last write FAILED'
  const name = html`${node === '' ? 'Redis' : node} <small>${version}</small>`
  return { cells: [name, memory, policy, `${file}${isLoading ? ', still loading' : ''}`] }
}

function actionRow({ id, at, who, what, selector, planned, done, isComplete, error }: Action, show: Show): Row {
  const end =
    done === undefined
      ? `under way, or its process died (of ${planned.toLocaleString('en')})`
      : `${done.toLocaleString('en')} of ${planned.toLocaleString('en')}${isComplete ? '' : ', ended early'}`
  const trouble = error !== undefined && html` <small>${show.name(error)}</small>`
  const which = saySelector(selector, show)
  return { id: `action-${id}`, cells: [show.time(at), show.name(who), words[what], which, html`${end}${trouble}`] }
}
