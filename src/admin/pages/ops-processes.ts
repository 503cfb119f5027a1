/**
 * Of the ops page: processes, spools, Redis, and what operators did.
 */
import type { Action } from '../../queue/actions.ts'
import type { Process } from '../../queue/heartbeat.ts'
import type { RedisHealth } from '../../queue/redis-health.ts'
import { partsOf, words } from './actions.ts'
import { type Html, html } from './html.ts'
import { table } from './layout.ts'
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
    ['Ingress', 'Events', 'Oldest', 'On disk', 'Quarantine'],
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

function processRow(process: Process, now: number, show: Show): Html {
  const { kind, version, host, pid, isAlive, isReady, silentMs, startedAt } = process
  const state = !isAlive ? 'gone' : isReady === false ? 'alive, not ready' : 'alive'
  return html`<tr><td>${kind}</td><td>${show.name(version)}</td><td>${show.name(host ?? '')}${pid !== undefined && html` <small>${pid}</small>`}</td><td><span class="state ${isAlive && isReady !== false ? 'completed' : 'dead'}">${state}</span> <small>${duration(silentMs)} ago</small></td><td>${show.time(startedAt)} <small>${duration(now - startedAt)}</small></td><td>${doing(process)}</td></tr>`
}

function doing({ kind, active, concurrency, received, ackP99Ms }: Process): string {
  if (kind === 'worker') return `${active ?? 0} of ${concurrency ?? '?'} attempts`
  if (kind !== 'ingress') return ''
  const acks = ackP99Ms === undefined ? '' : `, acks within ${duration(ackP99Ms)}`
  return `${count(received ?? 0, 'webhook')}${acks}`
}

function spoolRow({ host, pid, spool, isAlive }: Process, now: number, show: Show): Html {
  const { events = 0, bytes = 0, maxBytes = 0, oldestAt, quarantined = 0 } = spool ?? {}
  const full = maxBytes > 0 ? ` of ${size(maxBytes)}` : ''
  return html`<tr><td>${show.name(host ?? '')} <small>${pid}${!isAlive && ', gone'}</small></td><td class="number">${events.toLocaleString('en')}</td><td>${oldestAt === undefined ? 'none' : duration(now - oldestAt)}</td><td>${size(bytes)}${full}</td><td>${count(quarantined, 'file')}</td></tr>`
}

function redisRow({ node, version, usedBytes, maxBytes, policy, isAppendOnly, isLastWriteOk, isLoading }: RedisHealth) {
  const memory =
    maxBytes > 0
      ? html`<meter min="0" max="100" high="80" value="${Math.round((100 * usedBytes) / maxBytes)}" aria-label="Memory used"></meter> ${size(usedBytes)} of ${size(maxBytes)}`
      : html`${size(usedBytes)}, no limit of its own`
  const file = !isAppendOnly
    ? 'no append-only file'
    : isLastWriteOk
      ? 'append-only file, last write succeeded'
      : 'append-only file, last write FAILED'
  return html`<tr><td>${node === '' ? 'Redis' : node} <small>${version}</small></td><td>${memory}</td><td>${policy}</td><td>${file}${isLoading && ', still loading'}</td></tr>`
}

function actionRow({ at, who, what, selector, planned, done, isComplete, error }: Action, show: Show): Html {
  const which = partsOf(selector).map(([name, value]) => html`${name} ${show.name(value)} `)
  const end =
    done === undefined
      ? `under way, or its process died (of ${planned.toLocaleString('en')})`
      : `${done.toLocaleString('en')} of ${planned.toLocaleString('en')}${isComplete ? '' : ', ended early'}`
  return html`<tr><td>${show.time(at)}</td><td>${show.name(who)}</td><td>${words[what]}</td><td>${which}</td><td>${end}${error !== undefined && html` <small class="error">${show.name(error)}</small>`}</td></tr>`
}
