/**
 * Dates as ISO text. Every event that is stored has some, and most are of a few days. Pure; the only state is
 * the text of the days met lately.
 */

const dayMs = 86_400_000
const padded = (count: number, width: number): readonly string[] =>
  Array.from({ length: count }, (_, figure) => String(figure).padStart(width, '0'))
const two = padded(60, 2)
const three = padded(1_000, 3)

/** The text of a day up to the `T`, by its number since 1970. */
const days = new Map<number, string>()
const maxDays = 32

/** What `toISOString` gives, at a fraction of its cost. `null`, as JSON has it, for a date that is none. */
export function isoOf(date: Date): string | null {
  const moment = date.getTime()
  if (Number.isNaN(moment)) return null
  const day = Math.floor(moment / dayMs)
  const dayText = days.get(day) ?? remembered(day, date)
  const seconds = Math.floor((moment - day * dayMs) / 1_000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const ofDay = `${dayText}${two[hours]}:${two[minutes - hours * 60]}:${two[seconds - minutes * 60]}`
  return `${ofDay}.${three[moment - day * dayMs - seconds * 1_000]}Z`
}

function remembered(day: number, date: Date): string {
  const text = date.toISOString()
  const dayText = text.slice(0, text.indexOf('T') + 1)
  if (days.size === maxDays) days.clear()
  days.set(day, dayText)
  return dayText
}
