/**
 * Charts: small bars of the last hour, as SVG made on the server; what they show is also said in words. Pure.
 */
import { type Html, html } from './html.ts'

export type Chart = {
  readonly title: string
  /** One a minute, oldest first; undefined where nothing is known. */
  readonly values: readonly (number | undefined)[]
  /** A value in words. */
  readonly say: (value: number) => string
  /** Class of the bars: which kind of thing they count. */
  readonly kind: 'intake' | 'done' | 'dead' | 'age'
  /** `sum` if the values of an hour add up to something, `last` if the last one counts. */
  readonly total: 'sum' | 'last'
}

const height = 40
const step = 4

/** The figure; a sentence instead of bars if nothing is known yet. */
export function chart({ title, values, say, kind, total }: Chart): Html {
  const known = values.filter((value) => value !== undefined)
  const most = Math.max(0, ...known)
  const said = known.length === 0 ? 'not known yet' : inWords(known, most, say, total)
  const width = values.length * step
  const bars = values.map((value, index) => {
    if (value === undefined)
      return html`<rect class="unknown" x="${index * step}" y="${height - 1}" width="${step - 1}" height="1"/>`
    // What is not nothing can be seen.
    const tall = most === 0 || value === 0 ? 0 : Math.max(2, Math.round((value / most) * height))
    return html`<rect x="${index * step}" y="${height - tall}" width="${step - 1}" height="${tall}"/>`
  })
  return html`<figure class="chart ${kind}"><figcaption>${title}: <strong>${said}</strong></figcaption><svg role="img" aria-label="${title}, minute by minute over the last hour: ${said}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">${bars}</svg><p class="scale" aria-hidden="true"><span>an hour ago</span><span>now</span></p></figure>`
}

function inWords(known: readonly number[], most: number, say: (value: number) => string, total: Chart['total']) {
  const main = total === 'sum' ? known.reduce((sum, value) => sum + value, 0) : (known.at(-1) ?? 0)
  if (most === 0) return say(0)
  return `${say(main)}, at most ${say(most)}${total === 'sum' ? ' a minute' : ''}`
}
