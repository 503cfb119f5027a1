/**
 * Dead letters by what went wrong: a group of errors that differ in numbers, ids and quoted texts only is one row.
 */
import type { ErrorGroup } from '../../queue/error-groups.ts'
import { actionButton } from './actions.ts'
import { address, type Html, html } from './html.ts'
import { type Row, table } from './layout.ts'
import { count, type Show } from './show.ts'

/** Names of events that are told of a group. */
const shownEvents = 4

/** Groups of errors, each with its replay and discard; `back` is the page they are on. */
export function groupsTable(groups: readonly ErrorGroup[], show: Show, back: string): Html {
  return table(
    'Dead letters by error, largest group first',
    [['Error', 'error'], ['Dead letters', 'number'], 'Events', 'First', 'Last', 'Do'],
    groups.map((group) => groupRow(group, show, back)),
    'There is no dead letter.',
  )
}

function groupRow({ group, error, count: many, events, firstAt, lastAt }: ErrorGroup, show: Show, back: string): Row {
  const of = `the ${count(many, 'dead letter')} with this error`
  const options = { selector: { group }, of, back, more: ` ${many.toLocaleString('en')}…` }
  const names = events.slice(0, shownEvents).map((name, index) => html`${index > 0 && ', '}${show.name(name)}`)
  return {
    cells: [
      html`<a href="${address('/dead', { group })}"><bdi>${group === '' ? '(no error)' : show.text(group)}</bdi></a> <small>last: ${show.name(error)}</small>`,
      many.toLocaleString('en'),
      html`${names}${events.length > shownEvents && ', …'}`,
      show.time(firstAt),
      show.time(lastAt),
      // Without a text no selector can name it.
      group !== '' &&
        html`<div class="buttons">${actionButton('replay', options)}${actionButton('discard', options)}</div>`,
    ],
  }
}
