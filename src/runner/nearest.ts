/**
 * "Did you mean …?": the known word nearest to a mistyped one. Pure.
 */
import { canonicalName, type EventName, eventNames, foldName } from '../event/catalogue.ts'

/** The event that `text` was likely meant to name: a spelling Simotel uses, else the nearest name; undefined if none is near. */
export function nearestEvent(text: string): EventName | undefined {
  return canonicalName(text) ?? nearest(text, eventNames)
}

/** The one of `words` that `text` was likely meant to be, or undefined if none is near. Case and punctuation do not count. */
export function nearest<W extends string>(text: string, words: readonly W[]): W | undefined {
  const typed = foldName(text.slice(0, 80))
  let best: W | undefined
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1
  for (const word of words) {
    const distance = editDistance(typed, foldName(word))
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}

/** Letters to add, drop or change (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
