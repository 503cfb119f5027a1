/**
 * The events of Simotel that this project knows by name.
 */

/** Canonical names, as in the catalogue (docs/events.md). `Unknown` is ours: an event that cannot be named. */
export const eventNames = [
  'NewState',
  'Transfer',
  'IncomingCall',
  'OutgoingCall',
  'ExtenAdded',
  'ExtenRemoved',
  'IncomingFax',
  'OutgoingFax',
  'CdrQueue',
  'VoiceMail',
  'VoiceMailEmail',
  'Survey',
  'Cdr',
  'TrunkNewState',
  'TrunkAdded',
  'TrunkRemoved',
  'AutoDialerReport',
  'ReservedCallInFront',
  'Ping',
  'Unknown',
] as const

export type EventName = (typeof eventNames)[number]

/** Letters and digits only, lower-cased: `New State`, `new_state` and `/New%20State` (decoded) compare equal. */
export function foldName(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase()
}

const canonicalByFolded: ReadonlyMap<string, EventName> = new Map(eventNames.map((name) => [foldName(name), name]))

/** The canonical name for any spelling of a known one, else undefined. `Unknown` is not a name Simotel sends. */
export function canonicalName(text: string): EventName | undefined {
  const name = canonicalByFolded.get(foldName(text))
  return name === 'Unknown' ? undefined : name
}
