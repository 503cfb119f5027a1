/**
 * Of the ops page: what stands still or has failed, with what can be done about it.
 */
import { eventButtons } from './actions.ts'
import { groupsTable } from './groups.ts'
import { type Html, html } from './html.ts'
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
  const rows = blocked.map(({ lane, callId, eventId, name, error, behind, since }) => ({
    id: `blocked-${eventId}`,
    cells: [
      show.lane(lane, callId),
      show.name(name),
      show.name(error),
      html`${duration(overview.at - since)} <small>${show.time(since)}</small>`,
      behind.toLocaleString('en'),
      eventButtons(eventId, `the event ${name}`, '/'),
    ],
  }))
  return html`<section id="blocked"><h2>Blocked lanes</h2>${table(
    'Blocked lanes, longest first',
    ['Call or lane', 'Head', ['Error', 'error'], 'Blocked for', ['Wait behind', 'number'], 'Do'],
    rows,
    'No lane is blocked.',
  )}${rest(overview.blockedLanes - blocked.length, 'blocked lane')}</section>`
}

function heldSection({ held, overview }: OpsState, show: Show): Html {
  const rows = held.map(({ lane, callId, eventId, name, error, behind, attempt, outcome, nextTryAt }) => ({
    id: `held-${eventId}`,
    cells: [
      show.lane(lane, callId),
      show.name(name),
      html`${attempt} <small>${outcome}</small>`,
      show.name(error),
      html`${nextTryAt > overview.at ? `in ${duration(nextTryAt - overview.at)}` : 'now'} <small>${show.time(nextTryAt)}</small>`,
      behind.toLocaleString('en'),
    ],
  }))
  return html`<section id="held"><h2>Held by a head that is tried again</h2>${table(
    'Lanes held by a head that is tried again',
    ['Call or lane', 'Head', 'Attempt', ['Error', 'error'], 'Next attempt', ['Wait behind', 'number']],
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

function rest(more: number, what: string): Html | false {
  return more > 0 && html`<p class="note">And ${count(more, what)} more.</p>`
}
