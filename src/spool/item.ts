/**
 * A record read from the disk, as an item on its way to Redis. What cannot be read as an event is refused in its turn, like
 * what Redis refuses: it goes to quarantine and stops nothing.
 */
import { JobDecodeError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import type { Log } from '../log.ts'
import { maskNumbers } from '../mask.ts'
import type { Position } from './cursor.ts'
import type { Item } from './deliver.ts'
import { eventOf } from './event-text.ts'
import type { Quarantine } from './quarantine.ts'
import type { Read, Reader } from './reading.ts'

export type ItemDeps = {
  readonly quarantine: Quarantine
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly log: Log
  /** Told when the item needs no place in the spool any more. */
  readonly left: (isRefused: boolean) => void
}

export function itemOf(record: Read, source: { id: string; reader: Reader }, deps: ItemDeps): Item {
  const { quarantine, now, log, left } = deps
  const { sequence } = record
  const position: Position = record.position
  const text = record.body.toString('utf8')
  const { event, lane, receivedAt, eventId } = revive(text)
  return {
    event,
    lane,
    receivedAt,
    isDone: false,
    note: () => source.reader.passed(position),
    taken: () => left(false),
    async refused(error) {
      const reason = error instanceof Error ? error.message : String(error)
      const refusedAt = new Date(now()).toISOString()
      await quarantine.keepRefused(`${source.id}-${sequence}`, { eventId, refusedAt, reason, stored: text })
      left(true)
      log.error(
        { eventId, lane: maskNumbers(lane), error: maskNumbers(reason) },
        'event refused, kept in the quarantine of the spool',
      )
    },
  }
}

function revive(text: string): Pick<Item, 'event' | 'lane' | 'receivedAt'> & { eventId: string } {
  try {
    const event = eventOf(text)
    const { lane, receivedAt, eventId } = event
    return { event: () => event, lane, receivedAt, eventId }
  } catch (cause) {
    const error =
      cause instanceof JobDecodeError ? cause : new JobDecodeError('The spool holds what is no event.', { cause })
    const event = (): NewEvent => {
      throw error
    }
    return { event, lane: '', receivedAt: undefined, eventId: /"eventId":"([^"]{1,100})"/.exec(text)?.[1] ?? '' }
  }
}
