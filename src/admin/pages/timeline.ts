/**
 * The page of a lane: a call, or an extension, a trunk, whatever keeps order. Told from top to bottom.
 */
import type { Timeline } from '../../queue/timeline.ts'
import { actionButton } from './actions.ts'
import { eventItem } from './event-view.ts'
import { address, type Html, html } from './html.ts'
import { count, duration, type Show } from './show.ts'
import { timelineText } from './timeline-text.ts'

export type TimelineView = {
  readonly timeline: Timeline
  /** Of a call: where else one of this id is known. */
  readonly sources?: readonly string[]
  readonly show: Show
  /** Epoch milliseconds. */
  readonly now: number
}

/** The heading of the page, for its title too. */
export function timelineTitle({ callId, lane }: Timeline, show: Show): string {
  return callId === null ? `Lane ${show.text(lane)}` : `Call ${show.text(callId)}`
}

/** What stands in <main>. */
export function timelineBody(view: TimelineView): Html {
  const { timeline, sources = [], show, now } = view
  const { lane, source, callId, events, head } = timeline
  const back = show.laneAddress(lane, callId, source)
  return html`<h1>${callId === null ? 'Lane' : 'Call'} <bdi>${show.text(callId ?? lane)}</bdi></h1>
${sources.length > 1 && sourceLinks(view, sources)}
${summary(view)}
${laneButtons(timeline, back, show)}
${timeline.earlier > 0 && html`<p><a href="${address(back, { before: events[0]?.sequence })}">${count(timeline.earlier, 'earlier entry', 'earlier entries')}</a></p>`}
<h2>Events</h2>
<ol class="events">${events.map((event) => eventItem({ event, source, isHead: event.eventId === head, back, now, show }))}</ol>
${timeline.later > 0 && html`<p><a href="${address(back, { after: events.at(-1)?.sequence })}">${count(timeline.later, 'later entry', 'later entries')}</a></p>`}
${events.length > 0 && ticket(view, back)}`
}

/** What stands in <main> if nothing is kept of a lane. */
export function nothingKept(what: string, retentionNote: string): Html {
  return html`<h1><bdi>${what}</bdi></h1><p class="none">Nothing is kept of it. ${retentionNote}</p><p><a href="/">Overview</a></p>`
}

function sourceLinks({ timeline, show }: TimelineView, sources: readonly string[]): Html {
  const { callId, source: here, lane } = timeline
  const links = sources.map((source) => {
    const other = `${source}${lane.slice(here.length)}`
    return html`<li><a href="${show.laneAddress(other, callId, source)}"${source === here && html` aria-current="page"`}><bdi>${source}</bdi></a></li>`
  })
  return html`<nav aria-label="Sources with a call of this id" class="sources"><p>Calls of this id came from ${count(sources.length, 'source')}:</p><ul>${links}</ul></nav>`
}

function summary({ timeline, show, now }: TimelineView): Html {
  const { source, lane, state, events, behind, blockedSince, earlier } = timeline
  const [first, last] = [events[0], events.at(-1)]
  const received = (at: number | undefined) => (at === undefined ? 'nothing' : show.time(at, source))
  return html`<section id="summary" aria-label="Summary"><dl class="figures">
<div><dt>State</dt><dd>${state === null ? 'nothing kept' : html`<span class="state ${state}">${state}</span>`}</dd></div>
<div><dt>Source</dt><dd>${show.name(source)}</dd></div>
<div><dt>${earlier > 0 ? 'First shown' : 'First event'}</dt><dd>${received(first?.receivedAt)}</dd></div>
<div><dt>Last event</dt><dd>${received(last?.receivedAt)}</dd></div>
<div><dt>Parked behind the head</dt><dd>${behind.toLocaleString('en')}</dd></div>
${blockedSince !== undefined && html`<div><dt>Blocked for</dt><dd>${duration(now - blockedSince)}</dd></div>`}
<div><dt>Lane</dt><dd>${show.name(lane)}</dd></div>
</dl></section>`
}

/** For all dead letters of the lane, if there are several and the lane may stand in an address. */
function laneButtons({ lane, events }: Timeline, back: string, show: Show): Html | false {
  const stuck = events.filter(({ state }) => state === 'dead' || state === 'blocked').length
  if (stuck < 2 || !show.isOpen(lane)) return false
  const options = { selector: { lane }, of: 'of this lane', back, more: ' all dead letters…' }
  return html`<div class="buttons">${actionButton('replay', options)}${actionButton('discard', options)}</div>`
}

function ticket({ timeline, show, now }: TimelineView, back: string): Html {
  const text = timelineText(timeline, show, now)
  return html`<details id="ticket"><summary>Copy for a ticket</summary>
<label for="copy">The story as plain text, without webhooks</label>
<textarea id="copy" readonly dir="auto" rows="12" spellcheck="false">${text}</textarea>
<p><button type="button" class="scripted" data-copies="copy">Copy</button> <a href="${address(back, { format: 'text' })}">As a text file</a></p>
</details>`
}
