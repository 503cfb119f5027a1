/**
 * First contact: says what to enter in Simotel, tells when the first webhook of a PBX has come, and, if a minute
 * passes without one, says once what is the likely cause, from what has been seen so far.
 */
import { canonicalName } from '../event/catalogue.ts'
import type { NewEvent, RawWebhook } from '../event/event.ts'
import type { Log } from '../log.ts'
import type { Report, Sight } from './report.ts'

/** Runs `run` once after `ms`, unless the returned function is called before. */
export type After = (ms: number, run: () => void) => () => void

export type FirstContact = {
  /** The ingress listens at these addresses; the minute begins. */
  listening(at: { addresses: readonly string[]; note: string }): void
  /** An event was acked. Cheap from the second event of a source on. */
  acked(event: NewEvent, from: () => string): void
  /** A request came that became no event. */
  readonly saw: Report
  stop(): void
}

const silenceMs = 60_000

/** First contact of one ingress. `after` defaults to a timer that keeps no process alive. */
export function createFirstContact(log: Log, after: After = timer): FirstContact {
  const met = new Set<string>()
  const sights = new Map<Sight, { count: number; from: string; detail: string | undefined }>()
  let addresses: readonly string[] = []
  let cancel = () => {}
  return {
    listening(at) {
      addresses = at.addresses
      log.info({ addresses, ...(at.note && { note: at.note }) }, 'enter this address in Simotel (Event Webhooks)')
      cancel = after(silenceMs, () => {
        log.warn({ causes: likelyCauses(sights, addresses) }, 'no event has come for a minute since the start')
      })
    },
    acked(event, from) {
      if (met.has(event.source)) return
      met.add(event.source)
      cancel()
      const { source, callId, name, eventId, raw } = event
      log.info(
        { source, from: from(), mode: isRest(raw) ? 'Rest' : 'G', method: raw.method, event: name, eventId, callId },
        'first webhook of this source',
      )
    },
    saw(sight, from, detail) {
      const seen = sights.get(sight)
      sights.set(sight, { count: (seen?.count ?? 0) + 1, from, detail: detail ?? seen?.detail })
    },
    stop: () => cancel(),
  }
}

/** Rest adds the event's name to the address (EVENTS.md section 3). */
function isRest({ path }: RawWebhook): boolean {
  const last = path.split('/').findLast((segment) => segment !== '')
  return last !== undefined && canonicalName(last.replace(/%../g, ' ')) !== undefined
}

/** A sentence for each thing seen; if nothing was, for each thing that commonly is. */
function likelyCauses(
  sights: ReadonlyMap<Sight, { count: number; from: string; detail: string | undefined }>,
  addresses: readonly string[],
): string[] {
  const address = addresses.join(' or ')
  const causes: string[] = []
  const when = (sight: Sight, cause: (count: string, from: string, detail: string) => string) => {
    const seen = sights.get(sight)
    if (seen === undefined) return
    causes.push(cause(`${seen.count} ${seen.count === 1 ? 'request' : 'requests'}`, seen.from, seen.detail ?? ''))
  }
  when(
    'unauthorized',
    (count, from) =>
      `${count} came with a wrong or missing user name or password, the last from ${from}: Simotel's settings and SIMOTEL_USERNAME, SIMOTEL_PASSWORD differ.`,
  )
  when(
    'forbidden',
    (count, from) => `${count} came from an address that ALLOWED_IPS does not list, the last from ${from}.`,
  )
  when(
    'elsewhere',
    (count, from, path) => `${count} came to another path, the last from ${from} to ${path}: the address is ${address}`,
  )
  when(
    'method',
    (count, from, method) => `${count} came with a method other than GET or POST, the last from ${from}: ${method}.`,
  )
  when(
    'component',
    (count, from) =>
      `${count} came from a dialplan component, the last from ${from}: that is another setting of Simotel than Event Webhooks.`,
  )
  when('unavailable', (count) => `${count} brought an event that could not be kept: see the errors above, and Redis.`)
  when('too-large', (count, from) => `${count} had a body over MAX_BODY_BYTES, the last from ${from}.`)
  when('slow', (count, from) => `${count} did not arrive in time, the last from ${from}: a network that drops packets?`)
  when(
    'broken',
    (count, from, code) =>
      `${count} could not be read as HTTP/1.1 (${code}), the last from ${from}: is the address entered with https:// ?`,
  )
  if (causes.length > 0) return causes
  when(
    'opened',
    (count, from) =>
      `The address can be reached (${count} without an event, the last from ${from}), but no event came: in Simotel, tick the boxes of the events to send.`,
  )
  if (causes.length > 0) return causes
  return [
    `Address: Simotel must have ${address} in its Event Webhooks settings.`,
    'Firewall: the PBX must reach this port; try it from the PBX with curl.',
    'Boxes: Simotel sends only the events whose box is ticked.',
    'Path: it must begin with WEBHOOK_PATH.',
    'Password: a user name and password in Simotel must be the ones set here.',
  ]
}

const timer: After = (ms, run) => {
  const handle = setTimeout(run, ms)
  handle.unref()
  return () => clearTimeout(handle)
}
