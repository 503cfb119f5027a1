/**
 * What a page says when it cannot be told.
 */
import { type Html, html } from './html.ts'

/** The address means nothing; `why` in one sentence. */
export function notUnderstood(why: string): Html {
  return html`<h1>Not understood</h1><p>${why}</p><p><a href="/">Overview</a></p>`
}

/** It comes back by itself: the page goes on asking. */
export const redisIsAway: Html = html`<h1>Redis does not answer</h1>
<section id="health" class="health bad" aria-label="Health"><p role="status"><strong class="level">Act.</strong> This page cannot be told now: Redis does not answer, or refuses.</p>
<ul><li>Ingresses go on taking events, into their spools.</li><li>Workers wait, and go on by themselves.</li><li>The log of the admin says what Redis said.</li></ul></section>`
