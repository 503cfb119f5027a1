/**
 * The dead letters: filter, groups by error, list.
 */
import { eventNames } from '../../event/catalogue.ts'
import type { DeadLetter, DeadPage } from '../../queue/dead-letters.ts'
import type { ErrorGroups } from '../../queue/error-groups.ts'
import type { DeadFilter } from '../../queue/select.ts'
import { actionButton, eventButtons, saySelector } from './actions.ts'
import { groupsTable } from './groups.ts'
import { address, type Html, html } from './html.ts'
import { type Row, table } from './layout.ts'
import { count, type Show } from './show.ts'

export type DeadView = {
  readonly page: DeadPage
  readonly groups: ErrorGroups
  readonly filter: DeadFilter
  /** Whether this page is not the first. */
  readonly isLater: boolean
  readonly show: Show
}

/** The filter's parameters as they stand in an address of this page. */
export const filterParameters = ({ callId, lane, event, error, group }: DeadFilter) => ({
  call: callId,
  lane,
  event,
  error,
  group,
})

/** What stands in <main>. */
export function deadBody(view: DeadView): Html {
  const { page, groups, filter, isLater, show } = view
  const parameters = filterParameters(filter)
  const isFiltered = Object.values(parameters).some((value) => value !== undefined)
  const back = address('/dead', parameters)
  return html`<h1>Dead letters</h1>
<p>${count(groups.dead, 'dead letter')}. They stay until they are replayed or discarded.</p>
${filterForm(filter)}
${isFiltered ? chosen(filter, back, show) : groupSection(groups, show)}
<section id="list"><h2>${isFiltered ? 'Those that fit' : 'One by one'}, newest first</h2>
${table(
  'Dead letters, newest first',
  ['Dead since', 'Call or lane', 'Event', ['Attempts', 'number'], ['Error', 'error'], 'Do'],
  page.dead.map((letter) => letterRow(letter, back, show)),
  page.cursor === undefined ? 'There is none.' : 'None among those looked at so far.',
)}
<p>${isLater && html`<a href="${back}">Newest</a> `}${page.cursor !== undefined && html`<a href="${address('/dead', { ...parameters, cursor: page.cursor })}">Older</a>`}</p></section>`
}

function letterRow(
  { eventId, name, lane, callId, deadAt, attempts, error }: DeadLetter,
  back: string,
  show: Show,
): Row {
  return {
    id: `dead-${eventId}`,
    cells: [
      show.time(deadAt),
      show.lane(lane, callId),
      show.name(name),
      attempts,
      show.name(error),
      eventButtons(eventId, `the event ${name}`, back),
    ],
  }
}

function groupSection({ groups, grouped, dead }: ErrorGroups, show: Show): Html {
  const options = { selector: { all: true }, of: '', back: '/dead', more: ' all…' }
  return html`<section id="groups"><h2>By error</h2>${groupsTable(groups, show, '/dead')}
${dead > grouped && html`<p class="note">Grouped are the newest ${grouped.toLocaleString('en')}.</p>`}
${dead > 0 && html`<div class="buttons">${actionButton('replay', options)}${actionButton('discard', options)}</div>`}</section>`
}

/** Both buttons for all that the filter means. */
function chosen(filter: DeadFilter, back: string, show: Show): Html {
  const options = { selector: filter, of: 'that fit the filter', back, more: ' all that fit…' }
  return html`<section id="chosen"><h2>Filter</h2><p>${saySelector(filter, show)}</p><div class="buttons">${actionButton('replay', options)}${actionButton('discard', options)}<a href="/dead">Show all</a></div></section>`
}

function filterForm({ callId, lane, event, error, group }: DeadFilter): Html {
  const field = (name: string, label: string, value = '') =>
    html`<p><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" dir="auto" value="${value}"></p>`
  return html`<form method="get" action="/dead" class="filter" aria-label="Filter">
${field('call', 'Call id', callId)}
<p><label for="f-event">Event</label><select id="f-event" name="event"><option value="">any</option>${eventNames.map((name) => html`<option${name === event && html` selected`}>${name}</option>`)}</select></p>
${field('error', 'Text in the error', error)}
${field('lane', 'Lane', lane)}
${group !== undefined && html`<input type="hidden" name="group" value="${group}">`}
<p><button>Filter</button></p>
</form>`
}
