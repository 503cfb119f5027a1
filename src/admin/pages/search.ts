/**
 * What a search found: calls and other lanes, latest first.
 */
import type { FoundCall } from '../../queue/search.ts'
import { type Html, html } from './html.ts'
import { table } from './layout.ts'
import type { Show } from './show.ts'

/** What stands in <main>. */
export function searchBody(query: string, found: readonly FoundCall[], show: Show): Html {
  const rows = found.map(({ callId, lane, source, firstAt, lastAt, events, state }) => ({
    cells: [
      html`${show.lane(lane, callId)}${callId === null && html` <small>no call</small>`}`,
      show.name(source),
      show.time(firstAt, source),
      show.time(lastAt, source),
      events.toLocaleString('en'),
      html`<span class="state ${state}">${state}</span>`,
    ],
  }))
  return html`<h1>Search</h1>
<p>For <bdi>${query}</bdi>, latest first.</p>
${table(
  'Calls and lanes found',
  ['Call or lane', 'Source', 'First', 'Last', ['Events', 'number'], 'State'],
  rows,
  'Nothing is kept under this call id, number or extension. An event is found by its numbers from its first attempt on; one that is parked, by its call id.',
)}`
}
