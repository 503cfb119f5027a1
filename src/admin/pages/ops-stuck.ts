/**
 * Of the ops page: what stands still or has failed, with what can be done about it.
 */

import { actionButton, eventButtons } from './actions.ts'
import { address, type Html, html } from './html.ts'
import { table } from './layout.ts'
import type { OpsState } from './ops-read.ts'
import { shownRows } from './ops-read.ts'
import { count, duration, type Show } from './show.ts'

/** Blocked lanes, lanes held by a head that is retried, and failures by their error. */
export function stuckSections(state: OpsState, show: Show): Html {
  return html`${blockedSection(state, show)}
${heldSection(state, show)}
${failures(state, show)}`
}

function blockedSection({ blocked, overview }: OpsState, show: Show): Html {
  const rows = blocked.map(
    ({ lane, callId, eventId, name, error, behind, since }) =>
      html`<tr id="blocked-${eventId}"><td>${show.lane(lane, callId)}</td><td>${show.name(name)}</td><td class="error">${show.name(error)}</td><td>${duration(overview.at - since)} <small>${show.time(since)}</small></td><td class="number">${behind}</td><td>${eventButtons(eventId, `the event ${name}`, '/')}</td></tr>`,
  )
  return html`<section id="blocked"><h2>Blocked lanes</h2>${table(
    'Blocked lanes, longest first',
    ['Call or lane', 'Head', 'Error', 'Blocked for', 'Wait behind', 'Do'],
    rows,
    'No lane is blocked.',
  )}${rest(overview.blockedLanes - blocked.length, 'blocked lane')}</section>`
}

function heldSection({ held, overview }: OpsState, show: Show): Html {
  const rows = held.map(
    ({ lane, callId, eventId, name, error, behind, attempt, outcome, nextTryAt }) =>
      html`<tr id="held-${eventId}"><td>${show.lane(lane, callId)}</td><td>${show.name(name)}</td><td>${attempt} <small>${outcome}</small></td><td class="error">${show.name(error)}</td><td>${nextTryAt > overview.at ? html`in ${duration(nextTryAt - overview.at)}` : 'now'} <small>${show.time(nextTryAt)}</small></td><td class="number">${behind}</td></tr>`,
  )
  return html`<section id="held"><h2>Held by a head that is tried again</h2>${table(
    'Lanes held by a head that is tried again',
    ['Call or lane', 'Head', 'Attempt', 'Error', 'Next attempt', 'Wait behind'],
    rows,
    'No lane waits for a next attempt.',
  )}${rest(overview.delayed - held.length, 'lane')}</section>`
}

function failures({ groups: { groups, grouped, dead } }: OpsState, show: Show): Html {
  return html`<section id="failures"><h2>Dead letters by error</h2>${groupsTable(groups.slice(0, shownRows), show, '/')}${
    groups.length > shownRows || dead > grouped
      ? html`<p class="note"><a href="/dead">All dead letters</a>; grouped are the newest ${count(grouped, 'dead letter')} of ${dead.toLocaleString('en')}.</p>`
      : dead > 0 && html`<p class="note"><a href="/dead">All dead letters</a></p>`
  }</section>`
}

/** Groups of errors, each with its replay and discard. */
export function groupsTable(groups: OpsState['groups']['groups'], show: Show, back: string): Html {
  const rows = groups.map(({ group, error, count: many, events, firstAt, lastAt }) => {
    const of = `the ${count(many, 'dead letter')} with this error`
    const options = { selector: { group }, of, back, more: ` ${many.toLocaleString('en')}…` }
    return html`<tr><td class="error"><a href="${address('/dead', { group })}"><bdi>${group === '' ? '(no error)' : show.text(group)}</bdi></a><small>last: ${show.name(error)}</small></td><td class="number">${many.toLocaleString('en')}</td><td>${events.slice(0, 4).map((name, index) => html`${index > 0 && ', '}${show.name(name)}`)}${events.length > 4 && ', …'}</td><td>${show.time(firstAt)}</td><td>${show.time(lastAt)}</td><td>${group !== '' && html`<div class="buttons">${actionButton('replay', options)}${actionButton('discard', options)}</div>`}</td></tr>`
  })
  return table(
    'Dead letters by error, largest group first',
    ['Error', 'Dead letters', 'Events', 'First', 'Last', 'Do'],
    rows,
    'There is no dead letter.',
  )
}

function rest(more: number, what: string): Html | false {
  return more > 0 && html`<p class="note">And ${count(more, what)} more.</p>`
}
