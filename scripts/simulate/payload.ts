/**
 * The payload of a simulated webhook: its shape, its name, and the lane it should end up in according to the catalogue
 * (docs/events.md). Written without the bridge's own code, so that tests can hold one against the other. Pure.
 */

export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [field: string]: FieldValue }

/** A payload in the JSON shape of version 4. */
export type Payload = { readonly [field: string]: FieldValue }

/** One webhook of a flow: `t` is seconds after the flow began. */
export type Step = { readonly t: number; readonly event: Payload }

/** Canonical name of a payload as the flows write it: `event_name`, in Survey `event`. */
export function nameOf(event: Payload): string {
  return textOf(event, 'event_name') ?? textOf(event, 'event') ?? ''
}

/** `cuid`, else `unique_id`; null without either. */
export function callIdOf(event: Payload): string | null {
  return textOf(event, 'cuid') ?? textOf(event, 'unique_id') ?? null
}

/** The lane without its source: `call:1700000000.101`, `trunk:SimotelTrunk`. Null where the event would have one of its own. */
export function laneOf(event: Payload): string | null {
  const callId = callIdOf(event)
  if (callId !== null) return `call:${callId}`
  const of = (kind: string, ...fields: readonly string[]) => {
    const values = fields.map((field) => textOf(event, field))
    return values.every((value) => value !== undefined) ? [kind, ...values].join(':') : null
  }
  switch (nameOf(event)) {
    case 'NewState':
    case 'ExtenAdded':
    case 'ExtenRemoved':
      return of('exten', 'exten')
    case 'IncomingCall':
      return of('number', 'number')
    case 'VoiceMail':
    case 'VoiceMailEmail':
      return of('voicemail', 'id')
    case 'TrunkAdded':
    case 'TrunkNewState':
    case 'TrunkRemoved':
      return of('trunk', 'trunk_name')
    case 'AutoDialerReport':
      return of('campaign', 'campaign_id', 'number')
    case 'ReservedCallInFront':
      return of('queue', 'queue_name', 'caller_id')
    default:
      return null
  }
}

function textOf(event: Payload, field: string): string | undefined {
  const value = event[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}
