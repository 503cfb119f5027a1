/**
 * Dates of Simotel -> Date. Most carry no zone and are read in the one that is set for their source; some are epoch seconds.
 * Microseconds are cut to milliseconds. Pure; the only state is a bounded memo of zone offsets.
 */

const day = 86_400_000
const quarter = 900_000
/** Years of other calendars (the report API writes 1402) and of zeroed dates are no dates of an event. */
const firstYear = 1970
/** 1973 as epoch seconds; below it a figure is something else. */
const firstEpochSeconds = 100_000_000
/** Above this the figure must be milliseconds. */
const lastEpochSeconds = 100_000_000_000

const plain = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?$/i
/** Tables printed right to left put the time first. */
const timeFirst = /^\d\d:\d\d:\d\d(?:[.,](\d{1,9}))?\s+\d{4}-\d\d-\d\d$/
const dateOnly = /^\d{4}-\d\d-\d\d$/
const epoch = /^\d{9,13}(?:\.\d+)?$/

/** The moment `text` names, read in the IANA zone `timeZone` if it carries none; undefined if it is not a date. */
export function dateOf(text: string, timeZone: string): Date | undefined {
  const found = plain.exec(text)
  if (found !== null) return moment(text, { dateAt: 0, timeAt: 11, fraction: found[1], zone: found[2], timeZone })
  if (epoch.test(text)) return dateOfEpoch(Number(text))
  const reversed = timeFirst.exec(text)
  if (reversed !== null) {
    return moment(text, { dateAt: text.length - 10, timeAt: 0, fraction: reversed[1], zone: undefined, timeZone })
  }
  if (!dateOnly.test(text)) return undefined
  return moment(text, { dateAt: 0, timeAt: undefined, fraction: undefined, zone: undefined, timeZone })
}

/** The moment of epoch seconds (or milliseconds, told by their size); undefined if the figure cannot be one. */
export function dateOfEpoch(figure: number): Date | undefined {
  if (!(figure >= firstEpochSeconds) || figure >= lastEpochSeconds * 1000) return undefined
  // A double of this size is off by up to a quarter of a microsecond: do not let it fall into the millisecond before.
  return new Date(Math.floor(figure < lastEpochSeconds ? figure * 1000 + 0.001 : figure))
}

/** Where in a text its figures are, which have a fixed width: read one by one, they cost half of what groups of a pattern do. */
type Places = {
  readonly dateAt: number
  readonly timeAt: number | undefined
  readonly fraction: string | undefined
  readonly zone: string | undefined
  readonly timeZone: string
}

function moment(text: string, { dateAt, timeAt, fraction, zone, timeZone }: Places): Date | undefined {
  const year = 100 * twoDigits(text, dateAt) + twoDigits(text, dateAt + 2)
  const month = twoDigits(text, dateAt + 5) - 1
  const dayOfMonth = twoDigits(text, dateAt + 8)
  const hour = timeAt === undefined ? 0 : twoDigits(text, timeAt)
  const minute = timeAt === undefined ? 0 : twoDigits(text, timeAt + 3)
  const second = timeAt === undefined ? 0 : twoDigits(text, timeAt + 6)
  if (year < firstYear || month < 0 || month > 11 || dayOfMonth < 1 || hour > 23 || minute > 59 || second > 59)
    return undefined
  const millisecond = fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'))
  const local = Date.UTC(year, month, dayOfMonth, hour, minute, second, millisecond)
  const date = new Date(local)
  // The 31st of February rolls over into March.
  if (dayOfMonth > 28 && date.getUTCDate() !== dayOfMonth) return undefined
  if (zone !== undefined) return new Date(local - offsetOfSuffix(zone))
  return timeZone === 'UTC' ? date : new Date(instantOf(local, timeZone))
}

const zero = 0x30
const twoDigits = (text: string, at: number): number =>
  10 * (text.charCodeAt(at) - zero) + text.charCodeAt(at + 1) - zero

function offsetOfSuffix(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

/**
 * The instant at which clocks in `timeZone` show `local` (their reading, as if it were UTC). An hour that comes twice is
 * its first; one that is left out is read with the offset before the gap, as Temporal's `compatible` does.
 */
function instantOf(local: number, timeZone: string): number {
  const before = offsetAt(local - day, timeZone)
  const after = offsetAt(local + day, timeZone)
  if (before === after || offsetAt(local - before, timeZone) === before) return local - before
  return offsetAt(local - after, timeZone) === after ? local - after : local - before
}

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()
const maxOffsets = 4_096

/** What clocks in `timeZone` are ahead of UTC at `instant`, in milliseconds. Offsets change on quarters of an hour only. */
function offsetAt(instant: number, timeZone: string): number {
  const start = Math.floor(instant / quarter) * quarter
  const key = `${timeZone} ${start}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(start)) parts[type] = Number(value)
  const { year = 0, month = 1, day: dayOfMonth = 1, hour = 0, minute = 0, second = 0 } = parts
  const offset = Date.UTC(year, month - 1, dayOfMonth, hour, minute, second) - start
  if (offsets.size >= maxOffsets) offsets.clear()
  offsets.set(key, offset)
  return offset
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(timeZone, format)
  return format
}
