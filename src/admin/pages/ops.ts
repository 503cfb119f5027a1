/**
 * The ops page: how it goes in one sentence, then figures, what stands still and what failed, and what runs.
 */

import { chart } from './charts.ts'
import { type Health, healthOf, levelWords } from './health.ts'
import { type Html, html } from './html.ts'
import { processSections } from './ops-processes.ts'
import type { OpsState } from './ops-read.ts'
import { stuckSections } from './ops-stuck.ts'
import { count, duration, type Show } from './show.ts'

/** What stands in <main>. */
export function opsBody(state: OpsState, show: Show): Html {
  const health = healthOf(state)
  return html`<h1>Overview</h1>
${healthSection(health)}
${figures(state)}
${stuckSections(state, show)}
${charts(state)}
${processSections(state, show)}`
}

function healthSection({ level, sentence, also }: Health): Html {
  return html`<section id="health" class="health ${level}" aria-label="Health">
<p role="status" aria-live="polite"><strong class="level">${levelWords[level]}.</strong> ${sentence}</p>
${also.length > 0 && html`<ul>${also.map((one) => html`<li>${one}</li>`)}</ul>`}
</section>`
}

const trends = { rising: 'and rises', falling: 'and falls', steady: 'and stays' } as const

function figures({ overview, processes, samples, trend }: OpsState): Html {
  const ingresses = processes.filter(({ kind, isAlive }) => kind === 'ingress' && isAlive)
  const acks = ingresses.flatMap(({ ackP99Ms }) => ackP99Ms ?? [])
  const spooled = ingresses.reduce((sum, { spool }) => sum + (spool?.events ?? 0), 0)
  // The minute that is not over would read as a fall.
  const intake = samples.at(-2)?.received
  const { oldestWaitingMs } = overview
  const oldest = oldestWaitingMs === 0 ? 'nothing waits' : duration(oldestWaitingMs)
  const list: readonly (readonly [what: string, value: string, more?: string | undefined])[] = [
    ['Intake', intake === undefined ? 'not known yet' : `${intake.toLocaleString('en')} a minute`],
    ['Completed', `${overview.completedLastMinute.toLocaleString('en')} a minute`],
    ['Ack, 99 of 100 within', acks.length === 0 ? 'not known yet' : duration(Math.max(...acks))],
    ['Oldest waiting', oldest, oldestWaitingMs > 0 && trend !== undefined ? trends[trend] : undefined],
    ['Waiting for a worker', overview.waiting.toLocaleString('en')],
    ['Active', overview.active.toLocaleString('en')],
    ['Waiting for their next attempt', overview.delayed.toLocaleString('en')],
    ['Parked behind a head', overview.parked.toLocaleString('en')],
    ['Lanes with events', overview.lanes.toLocaleString('en')],
    ['Blocked lanes', overview.blockedLanes.toLocaleString('en')],
    ['Dead letters', overview.dead.toLocaleString('en'), `${overview.deadLastMinute} in the last minute`],
    ['In spools', count(spooled, 'event')],
  ]
  return html`<section id="figures"><h2>Now</h2><dl class="figures">${list.map(
    ([what, value, more]) =>
      html`<div><dt>${what}</dt><dd>${value}${more !== undefined && html` <small>${more}</small>`}</dd></div>`,
  )}</dl></section>`
}

function charts({ activity, samples }: OpsState): Html {
  const whole = (value: number) => value.toLocaleString('en')
  return html`<section id="charts"><h2>The last hour</h2><div class="charts">
${chart({ title: 'Intake', values: samples.map((sample) => sample?.received), say: whole, kind: 'intake', total: 'sum' })}
${chart({ title: 'Completed and skipped', values: activity.minutes.map(({ completed }) => completed), say: whole, kind: 'done', total: 'sum' })}
${chart({ title: 'Became dead letters', values: activity.minutes.map(({ dead }) => dead), say: whole, kind: 'dead', total: 'sum' })}
${chart({ title: 'Oldest waiting', values: samples.map((sample) => sample?.oldestWaitingMs), say: duration, kind: 'age', total: 'last' })}
</div><p class="note">Intake and oldest waiting are known since this admin started; a dead letter that was replayed is not counted any more.</p></section>`
}
