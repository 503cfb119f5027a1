/**
 * Before a replay or discard: what it would do, in which order. The page itself changes nothing; its button sends the same
 * selector as JSON by the script.
 */

import { serverNow } from '../../queue/clock.ts'
import { eventIdOf } from '../../queue/keys.ts'
import { plan, type Turn } from '../../queue/plan.ts'
import type { Queues } from '../../queue/queues.ts'
import { filterOf, lookAtPlaces, type Selector } from '../../queue/select.ts'
import { placeIn, storedOf } from '../../queue/stored-look.ts'
import { partsOf, saySelector, type What, words } from './actions.ts'
import { type Html, html } from './html.ts'
import { table } from './layout.ts'
import { count, type Show } from './show.ts'

/** One dead letter of a plan, as it is shown. */
export type PlannedTurn = {
  readonly eventId: string
  readonly name: string
  readonly lane: string
  readonly callId: string | null
  readonly isHead: boolean
  readonly error: string
}

export type Planned = {
  /** The first of them, in order. */
  readonly turns: readonly PlannedTurn[]
  readonly total: number
  readonly lanes: number
}

const shownTurns = 100

/**
 * What the selector means now.
 * @throws BridgeError BRIDGE_BAD_REQUEST for a selector that names nothing.
 */
export async function planned(queues: Queues, selector: Selector): Promise<Planned> {
  const lanes = await plan(queues, filterOf(selector), { until: await serverNow(queues.redis) })
  const turns = lanes.flat()
  const shown = turns.slice(0, shownTurns)
  const jobs = await lookAtPlaces(queues, shown, { data: true, lines: 0 })
  const told = (turn: Turn): PlannedTurn[] => {
    const job = jobs.get(turn.jobId)
    if (job === undefined) return []
    const { name, error } = job
    const place = placeIn(storedOf(job.data), turn.laneKey)
    return [{ eventId: eventIdOf(turn.jobId), name, ...place, isHead: turn.isHead, error }]
  }
  return { turns: shown.flatMap(told), total: turns.length, lanes: lanes.length }
}

export type ConfirmView = {
  readonly what: What
  readonly selector: Selector
  readonly plan: Planned
  /** Where to go on afterwards. */
  readonly back: string
  readonly show: Show
}

/** What stands in <main>. */
export function confirmBody({ what, selector, plan: { turns, total, lanes }, back, show }: ConfirmView): Html {
  const events = count(total, 'event')
  const sentence =
    what === 'replay'
      ? `This will replay ${events} in this order, each lane by itself: ${count(lanes, 'lane')}.`
      : `This will discard ${events} for good, of ${count(lanes, 'lane')}. They cannot be brought back; a lane that one of them blocks goes on.`
  return html`<h1>${words[what]}</h1>
<p>${saySelector(selector, show)}</p>
${
  total === 0
    ? html`<p>No dead letter fits: nothing would be done.</p><p><a href="${back}">Back</a></p>`
    : html`<p id="plan"><strong>${sentence}</strong></p>
<form class="act" method="get" data-what="${what}" data-now><input type="hidden" name="back" value="${back}">${partsOf(selector).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<button class="${what} scripted" aria-describedby="plan">${words[what]} ${events}</button> <a href="${back}">Leave it</a></form>
<noscript><p>A change is taken as JSON only, which needs the script of this page; without it use <code>npm run ${what}</code>.</p></noscript>
${table(
  'In this order',
  [['Turn', 'number'], 'Event', 'Call or lane', ['Error', 'error']],
  turns.map(({ name, lane, callId, isHead, error }, index) => ({
    cells: [
      index + 1,
      html`${show.name(name)}${isHead && html` <span class="tag">head</span>`}`,
      show.lane(lane, callId),
      show.name(error),
    ],
  })),
  '',
)}
${total > turns.length && html`<p class="note">And ${count(total - turns.length, 'event')} more.</p>`}`
}`
}
