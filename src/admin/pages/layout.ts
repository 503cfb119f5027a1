/**
 * Layout: what every page has around its own part. No inline script or style: the policy forbids both.
 */
import { assetAddress } from './assets.ts'
import { type Html, html, type Value } from './html.ts'

export type Page = {
  readonly title: string
  /** Stands in <main>, heading included. */
  readonly body: Html
  /** Seconds between refreshes; none for a page that does not change or holds what somebody writes. */
  readonly everySeconds?: number
  /** In the search box. */
  readonly query?: string
  /** Address of the navigation's own link. */
  readonly here?: string
  /** Zone of the times on it. */
  readonly zone: string
}

const links: readonly (readonly [href: string, text: string])[] = [
  ['/', 'Overview'],
  ['/dead', 'Dead letters'],
  ['/board', 'Board'],
  ['/metrics', 'Metrics'],
]

/** Without the script a page reloads itself, but not so often: a reader loses the place. */
const reloadSeconds = 60

/** The whole document. */
export function document({ title, body, everySeconds, query = '', here = '', zone }: Page): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Simotel bridge</title>
<link rel="icon" href="${assetAddress('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assetAddress('pages.css')}">
<script src="${assetAddress('pages.js')}" defer></script>
${everySeconds !== undefined && html`<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>`}
</head>
<body${everySeconds !== undefined && html` data-every="${everySeconds}"`}>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="/">Simotel bridge</a>
<nav aria-label="Pages"><ul>${links.map(
    ([href, text]) => html`<li><a href="${href}"${href === here && html` aria-current="page"`}>${text}</a></li>`,
  )}</ul></nav>
<form role="search" method="get" action="/search">
<label for="q">Call id, phone number or extension</label>
<input id="q" name="q" type="search" dir="auto" autocomplete="off" maxlength="200" value="${query}">
<button>Search</button>
</form>
</header>
<main id="main" tabindex="-1">
${body}
</main>
<footer>
<p>Times are in ${zone}. <a href="" class="refresh">Refresh</a> <span id="refreshing"></span></p>
<p id="said" role="status" aria-live="polite"></p>
<noscript><p>Without its script a page reloads once a minute; Replay and Discard show what they would do and cannot do it.</p></noscript>
</footer>
</body>
</html>
`
  return page.text
}

/** A column's heading, and the class of its cells. */
export type Column = string | readonly [head: string, className: 'error' | 'number']

export type Row = {
  /** By which it is known again when the page refreshes. */
  readonly id?: string
  /** As many as there are columns. */
  readonly cells: readonly Value[]
}

/**
 * A table; on a phone each row is a card, whose cells say their headings themselves. The roles say it is a table there, too.
 * Without rows the sentence `none`.
 */
export function table(caption: string, columns: readonly Column[], rows: readonly Row[], none: string): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`
  const heads = columns.map((column) => (typeof column === 'string' ? column : column[0]))
  const cell = (value: Value, index: number) => {
    const column = columns[index]
    const name = typeof column === 'object' && html` class="${column[1]}"`
    return html`<td role="cell"${name} data-head="${heads[index]}"><div>${value}</div></td>`
  }
  return html`<div class="wide" role="region" aria-label="${caption}" tabindex="0"><table role="table"><caption>${caption}</caption><thead role="rowgroup"><tr role="row">${heads.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}</tr></thead><tbody role="rowgroup">${rows.map(({ id, cells }) => html`<tr role="row"${id !== undefined && html` id="${id}"`}>${cells.map(cell)}</tr>`)}</tbody></table></div>`
}
