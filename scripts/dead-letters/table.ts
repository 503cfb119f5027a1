/**
 * Tables for people: columns as wide as what is in them, the last one cut to what the terminal has left.
 */

/** Rows under their heads, two spaces between columns. The column `cut` (the last by default) gives way to fit into `width`. */
export function tableOf(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  { width, cut = heads.length - 1 }: { width: number; cut?: number },
): string {
  const all = [heads, ...rows.map((row) => row.map(oneLine))]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const others = widths.reduce((sum, own, column) => (column === cut ? sum : sum + own), 2 * (heads.length - 1))
  widths[cut] = Math.min(widths[cut] ?? 0, Math.max(20, width - others))
  const lines = all.map((row) =>
    row
      .map((text, column) => fit(text, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

/** The moment in a time zone, as `2026-11-25 14:32:05`. */
export function momentIn(timeZone: string, at: number): string {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  return parts.format(at)
}

/** Texts come from processors: none of them may move the cursor or change the colours of a terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
