/**
 * The story of a lane as plain text, for a ticket. Numbers are masked as on the page; webhooks are left out.
 */
import type { LaneEvent } from '../../queue/history.ts'
import type { Timeline } from '../../queue/timeline.ts'
import { isReplayed, stateSentences } from './event-view.ts'
import { count, duration, type Show } from './show.ts'

/** A few lines for the lane, then one paragraph an event. */
export function timelineText(timeline: Timeline, show: Show, now: number): string {
  const { callId, lane, source, state, events, earlier, later, behind, blockedSince } = timeline
  const lines = [
    callId === null ? `Lane ${show.text(lane)}` : `Call ${show.text(callId)} (source ${source})`,
    `State ${state ?? 'nothing kept'} at ${show.moment(now, source)}, times in ${show.zone(source)}`,
  ]
  if (behind > 0) lines.push(`${count(behind, 'event is', 'events are')} parked behind the head`)
  if (blockedSince !== undefined) lines.push(`Blocked since ${show.moment(blockedSince, source)}`)
  if (earlier > 0) lines.push(`${count(earlier, 'earlier entry is', 'earlier entries are')} not told here`)
  for (const event of events) lines.push('', ...eventLines(event, source, show))
  if (later > 0) lines.push('', `${count(later, 'later entry is', 'later entries are')} not told here`)
  return `${lines.join('\n')}\n`
}

function eventLines(event: LaneEvent, source: string, show: Show): string[] {
  const { name, eventId, receivedAt, attempts, state, finishedAt, nextTryAt } = event
  const lines = [`${show.text(name)}  ${eventId}`, `  ${show.moment(receivedAt, source)}  received`]
  attempts.forEach((attempt, index) => {
    if (isReplayed(attempt, attempts[index - 1])) lines.push('  replayed')
    const took = attempt.outcome === 'vanished' ? '' : ` after ${duration(attempt.durationMs)}`
    lines.push(`  ${show.moment(attempt.startedAt, source)}  attempt ${attempt.attempt}: ${attempt.outcome}${took}`)
    if (attempt.error !== undefined) lines.push(...show.text(attempt.error).split('\n').slice(0, 20).map(indented))
  })
  const at = finishedAt === undefined ? '' : `${show.moment(finishedAt, source)}  `
  lines.push(`  ${at}${stateSentences[state]}`)
  if (nextTryAt !== undefined) lines.push(`  ${show.moment(nextTryAt, source)}  next attempt`)
  return lines
}

const indented = (line: string) => `      ${line}`
