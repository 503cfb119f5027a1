/**
 * Replay and Discard on a page: a form that asks first, by a page of its own, and works without the script up to there; what
 * changes something is sent by the script, since a change is taken as application/json only.
 */
import type { Selector } from '../../queue/select.ts'
import { type Html, html } from './html.ts'
import type { Show } from './show.ts'

export type What = 'replay' | 'discard'

export const words: Readonly<Record<What, string>> = { replay: 'Replay', discard: 'Discard' }

/** The parts of a selector that are given, as texts. */
export function partsOf(selector: Selector): [name: string, value: string][] {
  return Object.entries(selector).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [[name, String(value)] as [string, string]],
  )
}

const names: Readonly<Record<string, string>> = {
  eventId: 'Event',
  callId: 'Call',
  lane: 'Lane',
  event: 'Events named',
  error: 'Text in the error',
  group: 'Error',
}

/** A selector in words. */
export function saySelector(selector: Selector, show: Show): Html {
  if (selector.all === true) return html`All dead letters`
  const parts = partsOf(selector).map(
    ([name, value], index) => html`${index > 0 && '; '}${names[name] ?? name}: ${show.name(value)}`,
  )
  return html`${parts}`
}

export type ButtonOptions = {
  readonly selector: Selector
  /** What the button is for, for those who hear the page and not see its place: `the event Cdr`. */
  readonly of: string
  /** Where to go on afterwards; a page of ours. */
  readonly back: string
  /** Words behind Replay or Discard. */
  readonly more?: string
  /** With the script, do it at once and stay on the page. For one event only. Default false. */
  readonly isDirect?: boolean
}

/** A button that replays or discards what the selector means, after it has been asked on a page that says what that is. */
export function actionButton(what: What, { selector, of, back, more = '', isDirect = false }: ButtonOptions): Html {
  const fields = partsOf(selector).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)
  return html`<form class="act" method="get" action="/dead/${what}" data-what="${what}"${isDirect && html` data-direct`}>${fields}<input type="hidden" name="back" value="${back}"><button class="${what}" aria-label="${words[what]}${more} ${of}">${words[what]}${more}</button></form>`
}

/** Both buttons of one event. A replay is done at once; a discard cannot be taken back, so it is asked for. */
export function eventButtons(eventId: string, of: string, back: string): Html {
  const options = { selector: { eventId }, of, back }
  return html`<div class="buttons">${actionButton('replay', { ...options, isDirect: true })}${actionButton('discard', options)}</div>`
}
