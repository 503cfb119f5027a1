/**
 * One event as its lane's page tells it: received, waited, each attempt with its duration and error, the outcome; its raw webhook
 * beside the normalised event.
 */
import type { AttemptLine } from '../../queue/attempt-record.ts'
import type { LaneEvent } from '../../queue/history.ts'
import { eventButtons } from './actions.ts'
import { type Html, html } from './html.ts'
import { normalisedText, problemsOf, rawText } from './payload.ts'
import { duration, type Show } from './show.ts'

export type EventView = {
  readonly event: LaneEvent
  readonly source: string
  readonly isHead: boolean
  /** Of this page, for after a replay or discard. */
  readonly back: string
  /** Epoch milliseconds. */
  readonly now: number
  readonly show: Show
}

/** What the states mean, told as the end of the story so far. */
export const stateSentences: Readonly<Record<LaneEvent['state'], string>> = {
  parked: 'Parked: it waits for what came before it in its lane.',
  waiting: 'Waiting for a worker.',
  active: 'A worker has it now.',
  delayed: 'Waits for its next attempt.',
  completed: 'Completed.',
  skipped: 'Skipped: there was nothing to do.',
  dead: 'Dead letter: it waits for a replay or discard; its lane has gone on.',
  blocked: 'Dead letter, and its lane is blocked: nothing behind it runs before a replay or discard.',
}

/** The event in a list item. */
export function eventItem({ event, source, isHead, back, now, show }: EventView): Html {
  const { eventId, name, state, receivedAt, attempts, nextTryAt, finishedAt } = event
  const [first] = attempts
  const isStuck = state === 'dead' || state === 'blocked'
  const started = first === undefined || first.startedAt === 0 ? undefined : first.startedAt
  const waited =
    started !== undefined
      ? html`<li>Waited ${duration(started - receivedAt)} for its first attempt.</li>`
      : (state === 'parked' || state === 'waiting') && html`<li>Waits for ${duration(now - receivedAt)}.</li>`
  return html`<li><article id="e-${eventId}" class="event ${state}" aria-labelledby="h-${eventId}">
<h3 id="h-${eventId}">${show.name(name)} <span class="state ${state}">${state}</span>${isHead && html` <span class="tag">head</span>`}</h3>
<ol class="story">
<li>Received ${show.time(receivedAt, source)}.</li>
${waited}
${attempts.map((attempt, index) => attemptItem(attempt, attempts[index - 1], source, show))}
<li class="end">${stateSentences[state]}${nextTryAt !== undefined && html` It is tried again ${show.time(nextTryAt, source)}.`}${finishedAt !== undefined && html` <small>${show.time(finishedAt, source)}, ${duration(finishedAt - receivedAt)} after it was received</small>`}</li>
</ol>
${isStuck && eventButtons(eventId, `the event ${name}`, back)}
${payload(event, source, show)}
</article></li>`
}

/** Whether a replay lies between these two attempts: runs are counted anew. */
export function isReplayed(attempt: AttemptLine, before: AttemptLine | undefined): boolean {
  return before !== undefined && attempt.run <= before.run
}

function attemptItem(attempt: AttemptLine, before: AttemptLine | undefined, source: string, show: Show): Html {
  const { startedAt, durationMs, outcome, error } = attempt
  const since = before === undefined || startedAt === 0 ? undefined : startedAt - before.startedAt - before.durationMs
  const pause = since !== undefined && since > 0 && html`, ${duration(since)} after the one before`
  const took = outcome === 'vanished' ? 'its worker vanished' : `took ${duration(durationMs)}`
  return html`${isReplayed(attempt, before) && html`<li class="replayed">Replayed: attempts are counted anew.</li>`}<li class="attempt ${outcome}">Attempt ${attempt.attempt}: <strong>${outcome}</strong>, ${took} <small>${show.time(startedAt, source)}${pause}</small>${error !== undefined && html`<pre class="error" dir="auto">${show.text(error)}</pre>`}</li>`
}

function payload(event: LaneEvent, source: string, show: Show): Html {
  const { eventId } = event
  const problems = problemsOf(event.event)
  return html`<details id="d-${eventId}"><summary>Raw webhook and normalised event</summary>
<p class="note">Event id ${show.name(eventId)}, sequence ${event.sequence}, source ${show.name(source)}</p>
${
  problems.length > 0 &&
  html`<h4>Could not be read as the catalogue says</h4><ul>${problems.map(({ field, value, reason }) => html`<li>${show.name(field)}: ${show.name(value)} <small>${show.name(reason)}</small></li>`)}</ul>`
}
<div class="pair"><div><h4>Raw webhook</h4><pre dir="auto" tabindex="0">${rawText(event.event, show)}</pre></div>
<div><h4>Normalised event</h4><pre dir="auto" tabindex="0">${normalisedText(event.event, show)}</pre></div></div>
</details>`
}
