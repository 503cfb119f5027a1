/**
 * What a search found: calls and other lanes, latest first.
 */
import type { FoundCall } from '../../queue/search.ts'
import { type Html, html } from './html.ts'
import { table } from './layout.ts'
import type { Show } from './show.ts'

/** What stands in <main>. */
export function searchBody(query: string, found: readonly FoundCall[], show: Show): Html {
  const rows = found.map(
    ({ callId, lane, source, firstAt, lastAt, events, state }) =>
      html`<tr><td>${show.lane(lane, callId)}${callId === null && html` <small>no call</small>`}</td><td>${show.name(source)}</td><td>${show.time(firstAt, source)}</td><td>${show.time(lastAt, source)}</td><td class="number">${events.toLocaleString('en')}</td><td><span class="state ${state}">${state}</span></td></tr>`,
  )
  return html`<h1>Search</h1>
<p>For <bdi>${query}</bdi>, latest first.</p>
${table(
  'Calls and lanes found',
  ['Call or lane', 'Source', 'First', 'Last', 'Events', 'State'],
  rows,
  'Nothing is kept under this call id, number or extension. An event is found by its numbers from its first attempt on; one that is parked, by its call id.',
)}`
}
