/**
 * Event -> lane: what must stay in order with what. The call if the event names one, else the entity of the catalogue.
 * Readable and bounded: `default/call:1700000000.101`, `default/exten:991`.
 */
import { catalogue, type EventName } from './catalogue.ts'

/** What decides a lane. */
export type LaneFacts = {
  readonly name: EventName
  readonly eventId: string
  readonly source: string
  readonly callId: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** Longest part of a lane that is kept as it is; ids and numbers come from the wire and may be of any length. */
const maxPart = 160

/**
 * The lane of an event. A call id decides whatever the event: also for a VoiceMail that carries one (seen in one
 * integration), although its mail then runs in another lane, because everything that names a call must be found, and run, with that call.
 * What names neither call nor entity has a lane of its own and waits for nothing.
 */
export function laneOf({ name, eventId, source, callId, data }: LaneFacts): string {
  if (callId !== null) return `${source}/call:${part(callId)}`
  const entity = catalogue[name].lane
  if (entity === null) return `${source}/event:${eventId}`
  const parts: string[] = []
  for (const field of entity.fields) {
    const value = data[field]
    if (typeof value !== 'string') return `${source}/event:${eventId}`
    parts.push(part(value))
  }
  return parts.length === 0 ? `${source}/${entity.prefix}` : `${source}/${entity.prefix}:${parts.join(':')}`
}

/** Control characters and broken surrogates would not survive logs and Redis. */
const unprintable = /[\p{Cc}\p{Cs}]/gu

function part(text: string): string {
  const short = text.length <= maxPart ? text : `${text.slice(0, maxPart)}~${hash(text)}`
  return unprintable.test(short) ? short.replace(unprintable, '\ufffd') : short
}

/** 53 bits of the text (cyrb53). Two long ids that met here would share a lane, which delays them and harms nothing. */
function hash(text: string): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
}
