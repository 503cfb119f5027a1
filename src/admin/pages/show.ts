/**
 * Show: how a moment, a time span, a number of things, a name from the wire and a lane look on a page. Texts from outside are
 * masked if they must be (MASK_NUMBERS) and stand apart from the direction of what is around them.
 */
import { type Config, timeZoneOf } from '../../config.ts'
import { maskNumbers } from '../../mask.ts'
import { address, type Html, html, inAddress } from './html.ts'
import { createSeal } from './sealed.ts'

export type ShowOptions = {
  readonly maskNumbers: boolean
  readonly timeZones: Config['ingress']['timeZones']
}

export type Show = {
  readonly isMasked: boolean
  /** A text from outside, masked if it must be; not HTML yet. */
  text(text: string): string
  /** Whether it may be shown as it is, also in an address. */
  isOpen(text: string): boolean
  /** A text from outside inside a sentence. */
  name(text: string): Html
  /** Epoch milliseconds as `2026-11-25 14:32:07` in the zone of `source`, or of all; 0 = not known. */
  time(at: number, source?: string): Html
  /** The same with milliseconds and without HTML. */
  moment(at: number, source?: string): string
  /** The zone of `source`, or of all. */
  zone(source?: string): string
  /** Address of a lane's page: its call's, if it is one's. Nothing masked stands in it. */
  laneAddress(lane: string, callId: string | null, source?: string): string
  /** The lane in the path of an address: as it is, or what `laneAddress` sealed. Undefined if that was another process. */
  laneIn(path: string): string | undefined
  /** A link to a lane's page. */
  lane(lane: string, callId: string | null): Html
}

/** What begins a sealed lane in an address; no source does. */
const sealMark = '~'

/** `timeZones` and `maskNumbers` as the settings have them. */
export function createShow({ maskNumbers: isMasked, timeZones }: ShowOptions): Show {
  const seal = createSeal()
  const formats = new Map<string, Intl.DateTimeFormat>()
  const zone = (source?: string) => (source === undefined ? timeZones.all : timeZoneOf(timeZones, source))
  const formatIn = (timeZone: string) => {
    const known = formats.get(timeZone)
    if (known !== undefined) return known
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    formats.set(timeZone, format)
    return format
  }
  const second = (at: number, source?: string) => formatIn(zone(source)).format(at)
  const text = (value: string) => (isMasked ? maskNumbers(value) : value)
  const isOpen = (value: string) => text(value) === value

  const laneAddress = (lane: string, callId: string | null, source = lane.split('/')[0]) => {
    if (!isOpen(lane) || !isOpen(callId ?? '')) return `/lanes/${sealMark}${seal.seal(lane)}`
    if (callId === null) return `/lanes/${inAddress(lane)}`
    return address(`/calls/${inAddress(callId)}`, { source })
  }
  return {
    isMasked,
    text,
    isOpen,
    name: (value) => html`<bdi>${text(value)}</bdi>`,
    time: (at, source) =>
      isMoment(at)
        ? html`<time datetime="${new Date(at).toISOString()}">${second(at, source)}</time>`
        : html`<span>at an unknown time</span>`,
    moment: (at, source) =>
      isMoment(at) ? `${second(at, source)}.${String(Math.floor(at) % 1_000).padStart(3, '0')}` : 'at an unknown time',
    zone,
    laneAddress,
    laneIn: (path) => (path.startsWith(sealMark) ? seal.open(path.slice(1)) : path),
    lane: (lane, callId) =>
      html`<a href="${laneAddress(lane, callId)}"><bdi>${text(callId === null ? lane : callId)}</bdi></a>`,
  }
}

/** The last moment that Date can hold. */
const lastMoment = 8.64e15

const isMoment = (at: number) => at > 0 && at <= lastMoment

/** Milliseconds as people say them, two units at most: `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unknown'
  const least = Math.max(0, Math.round(ms))
  if (least < 1_000) return `${least} ms`
  if (least < 10_000) return `${(Math.floor(least / 100) / 10).toString()} s`
  const seconds = Math.floor(least / 1_000)
  if (seconds < 60) return `${seconds} s`
  const two = (big: number, bigUnit: string, small: number, unit: string) =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${unit}`
  if (seconds < 3_600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1_440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.floor(minutes / 60)
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

const marks = [60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800]

/** A time span that reads the same for a while, so that it is not told anew every few seconds: the last mark it has passed. */
export function coarse(ms: number): string {
  const passed = marks.findLast((mark) => ms >= mark * 1_000)
  return passed === undefined ? 'less than a minute' : `more than ${duration(passed * 1_000)}`
}

/** `1 lane`, `1,200 lanes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}

/** Bytes as `12 MiB`. */
export function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let left = Math.max(0, bytes)
  let unit = 0
  while (left >= 1_024 && unit < units.length - 1) {
    left /= 1_024
    unit += 1
  }
  return `${left >= 10 || unit === 0 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`
}
