/**
 * The events of Simotel that this project knows by name: spellings, when they fire, and how each finds its lane when it
 * names no call. Facts come from Simotel's pages and public integrations; docs/events.md is made from here and schemas.ts.
 */
import { remembered } from './remembered.ts'

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

export type CatalogueEntry = {
  /** When Simotel sends it, as a clause: "an extension changes state". */
  readonly firesWhen: string
  /** Spellings met in the wild. Only those that do not fold to the canonical name need to be here; the rest is for the docs. */
  readonly spellings: readonly string[]
  /** Whether it names a call. */
  readonly callId: 'yes' | 'usually' | 'seen' | 'no' | 'unknown'
  /** Its lane without a call id: `<prefix>:<field>:…` of `data`, all of them present; none = a lane of its own kind; null = a lane per event. */
  readonly lane: { readonly prefix: string; readonly fields: readonly string[] } | null
}

/** What is known of each event besides its fields. */
export const catalogue: { readonly [N in EventName]: CatalogueEntry } = {
  NewState: {
    firesWhen: 'an extension changes state',
    spellings: ['New State', 'newstate'],
    callId: 'usually',
    lane: { prefix: 'exten', fields: ['exten'] },
  },
  Transfer: { firesWhen: 'a user passes a running call on', spellings: [], callId: 'yes', lane: null },
  IncomingCall: {
    firesWhen: 'a call comes in through a trunk; a second copy without any id has been seen',
    spellings: ['Incoming Call'],
    callId: 'usually',
    lane: { prefix: 'number', fields: ['number'] },
  },
  OutgoingCall: {
    firesWhen: 'a call leaves through a trunk',
    spellings: ['OutGoingCall', 'Outgoing Call'],
    callId: 'yes',
    lane: null,
  },
  ExtenAdded: {
    firesWhen: 'a user is created',
    spellings: ['Exten Added'],
    callId: 'no',
    lane: { prefix: 'exten', fields: ['exten'] },
  },
  ExtenRemoved: {
    firesWhen: 'a user is deleted',
    spellings: ['Exten Removed', 'exten_remove'],
    callId: 'no',
    lane: { prefix: 'exten', fields: ['exten'] },
  },
  IncomingFax: {
    firesWhen: 'a fax has been received',
    spellings: ['incomingfax'],
    callId: 'yes',
    lane: { prefix: 'fax', fields: ['faxId'] },
  },
  OutgoingFax: {
    firesWhen: 'a fax is being sent',
    spellings: [],
    callId: 'yes',
    lane: { prefix: 'fax', fields: ['faxId'] },
  },
  CdrQueue: {
    firesWhen: "a caller's stay in a queue is over (the page says: once the caller reaches an agent)",
    spellings: ['CDRQueue', 'CDR Queue'],
    callId: 'yes',
    lane: null,
  },
  VoiceMail: {
    firesWhen: 'a voice message is stored, or recording it failed',
    spellings: [],
    callId: 'seen',
    lane: { prefix: 'voicemail', fields: ['id'] },
  },
  VoiceMailEmail: {
    firesWhen: 'the mail for a voice message was sent or failed',
    spellings: ['VoiceMail Email'],
    callId: 'no',
    lane: { prefix: 'voicemail', fields: ['id'] },
  },
  Survey: { firesWhen: 'a caller gives a mark', spellings: [], callId: 'yes', lane: null },
  Cdr: { firesWhen: 'a call ends', spellings: ['CDR', 'cdr'], callId: 'yes', lane: null },
  TrunkNewState: {
    firesWhen: 'a trunk changes state',
    spellings: [],
    callId: 'no',
    lane: { prefix: 'trunk', fields: ['trunkName'] },
  },
  TrunkAdded: {
    firesWhen: 'a trunk is created',
    spellings: [],
    callId: 'no',
    lane: { prefix: 'trunk', fields: ['trunkName'] },
  },
  TrunkRemoved: {
    firesWhen: 'a trunk is deleted',
    spellings: [],
    callId: 'no',
    lane: { prefix: 'trunk', fields: ['trunkName'] },
  },
  AutoDialerReport: {
    firesWhen: 'one call of a bulk campaign is over',
    spellings: ['AutoDialer'],
    callId: 'no',
    lane: { prefix: 'campaign', fields: ['campaignId', 'number'] },
  },
  ReservedCallInFront: {
    firesWhen: 'a caller reserves a place in a queue',
    spellings: [],
    callId: 'no',
    lane: { prefix: 'queue', fields: ['queueName', 'callerId'] },
  },
  Ping: {
    firesWhen: 'someone calls the ping API of Simotel',
    spellings: [],
    callId: 'unknown',
    lane: { prefix: 'ping', fields: [] },
  },
  Unknown: {
    firesWhen: 'something arrives that has no name of this list; kept whole',
    spellings: [],
    callId: 'unknown',
    lane: null,
  },
}

/** Letters and digits only, lower-cased: `New State`, `new_state` and `/New%20State` (decoded) compare equal. */
export const foldName = remembered((text) => text.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase())

const canonicalByFolded: ReadonlyMap<string, EventName> = new Map(
  eventNames
    .filter((name) => name !== 'Unknown')
    .flatMap((name) => [name, ...catalogue[name].spellings].map((spelling) => [foldName(spelling), name] as const)),
)

const longestSpelling = 64

/** The canonical name for any spelling of a known one, else undefined. `Unknown` is not a name Simotel sends. */
export function canonicalName(text: string): EventName | undefined {
  if (text.length > longestSpelling) return undefined
  return canonicalByFolded.get(foldName(text))
}
