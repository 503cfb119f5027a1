/**
 * One schema per event: what a processor finds in `event.data`. Types are inferred from here and nowhere else.
 * Every field may be undefined. Fields that no schema knows stay in `data` under their own names; the types do not show them,
 * so that a misspelt field does not compile.
 */
import { z } from 'zod'
import type { EventName } from './catalogue.ts'
import { anything, boolean, date, group, list, number, oneOf, party, seconds, text } from './fields.ts'

/** `cuid`, which names the call, becomes `event.callId`; these two are what an event may say of ids besides. */
const ids = {
  uniqueId: text('Id of the leg; equals `event.callId` unless the call has several legs', {
    wire: ['unique_id', 'uniqueid'],
  }),
  originatedCallId: text('Id handed out by the two-way call API; documented for IncomingCall, OutgoingCall and Cdr', {
    wire: ['originated_call_id'],
  }),
}

const extensionState = { idle: [], 'in-use': ['InUse'], pause: [], ringing: [], unavailable: [] } as const
const trunkState = { ok: [], unavailable: [], deactivate: [] } as const
const result = { success: [], failed: [] } as const
/** The words of a call record. `noanswer` contains `answer`: values are compared whole. */
const disposition = { answered: [], 'no-answer': ['No Answered'], busy: [], failed: [], congestion: [] } as const
const queueDisposition = { ...disposition, missed: [], abandon: [] } as const
const dialerDisposition = { ...disposition, lost: [] } as const

/** The keys of a fax's own report, in capitals on the wire. */
const faxReport = {
  status: oneOf(result, 'Result of the transmission', { wire: ['FAXSTATUS'] }),
  statusText: text('The result in words', { wire: ['FAXSTATUSSTRING'] }),
  error: text('What went wrong', { wire: ['FAXERROR'] }),
  reason: text('Reason given', { wire: ['REASON'] }),
  pages: number('Pages transmitted', { wire: ['FAXPAGES'], unit: 'pages' }),
  bitsPerSecond: number('Speed', { wire: ['FAXBITRATE'], unit: 'bits per second' }),
  resolution: text('Resolution, such as 8031x3850', { wire: ['FAXRESOLUTION'] }),
  remoteStationId: text('What the other machine calls itself', { wire: ['REMOTESTATIONID'] }),
}

const trunkFields = {
  trunkName: text('Trunk'),
  trunkType: text('Kind of trunk, such as SIP'),
  state: oneOf(trunkState, 'Its state'),
  date: date('When it happened; epoch seconds on the wire'),
  lastTime: date('When the state was last looked at; epoch seconds on the wire'),
  lastTimeSeconds: seconds('What it counts is not documented; 0 in the only example', {
    wire: ['last_time_sec'],
    mark: 'U',
  }),
}

export const schemas = {
  NewState: z.object({
    exten: party('Extension whose state changed'),
    state: oneOf(extensionState, 'Its new state'),
    participant: party('The other party; not with idle or unavailable'),
    direction: oneOf({ in: [], out: [] }, 'Direction of the call'),
    queue: text('Queue, if the call came through one'),
    dialer: boolean('Whether this party dials; only with in-use', { wire: ['dialer', 'dialing'] }),
    ...ids,
  }),
  Transfer: z.object({
    transferer: party('Extension that passes the call on', { wire: ['transferer', 'transfer'] }),
    transferredFrom: party('Party the call is taken from'),
    transferredTo: party('Party the call goes to'),
    ...ids,
  }),
  IncomingCall: z.object({
    number: party('Number of the caller'),
    entryPoint: text('Trunk; its name may look like a number'),
    ...ids,
  }),
  OutgoingCall: z.object({
    number: party('Number that is called'),
    outgoingPoint: text('Trunk; its name may look like a number', {
      wire: ['outgoing_point', 'exit_point', 'entry_point'],
    }),
    ...ids,
  }),
  ExtenAdded: z.object({
    exten: party('Extension of the new user'),
    state: oneOf(extensionState, 'Its state'),
  }),
  ExtenRemoved: z.object({
    exten: party('Extension of the deleted user', { wire: ['exten', 'number'] }),
    state: oneOf(extensionState, 'Its last state'),
  }),
  IncomingFax: z.object({
    faxId: text('Id of the fax'),
    src: party('Number of the sender'),
    dst: party('Number that was called; a leading zero may be missing'),
    entryPoint: text('Trunk'),
    state: oneOf({ ...result, sending: [] }, 'Result'),
    date: date('When it was received'),
    description: group(faxReport, 'Report of the transmission'),
    ...ids,
  }),
  OutgoingFax: z.object({
    faxId: text('Id of the fax'),
    state: oneOf({ sending: [], ...result }, 'Where it stands'),
    date: date('When it happened'),
    info: group(faxReport, 'Report of the transmission'),
    ...ids,
  }),
  CdrQueue: z.object({
    src: party('Number of the caller'),
    dst: party('Agent'),
    queue: text('Queue'),
    disposition: oneOf(queueDisposition, 'How it ended; `missed` and `abandon` are words of the report API'),
    hangup: oneOf({ caller: [], agent: [], callee: [] }, 'Who hung up; `callee` is a word of the report API'),
    queueStatus: oneOf({ continue: [], timeout: [] }, 'How the caller left; `timeout` is a word of the report API'),
    startTime: date('When the caller entered the queue', { wire: ['starttime', 'start_time'] }),
    ringTime: date('When the agent began to ring', { wire: ['ringtime', 'ring_time'] }),
    answeredTime: date('When the agent answered', { wire: ['answeredtime', 'answered_time'] }),
    endTime: date('When the conversation ended', { wire: ['endtime', 'end_time'] }),
    durationSeconds: seconds('Whole stay', { wire: ['duration'] }),
    billedSeconds: seconds('Conversation', { wire: ['billsec'] }),
    waitSeconds: seconds('Wait in the queue', { wire: ['wait'] }),
    agentWaitSeconds: seconds('Ringing at the agent', { wire: ['agent_wait'] }),
    record: text('File name of the recording'),
    comment: text('Comment'),
    detail: list(
      {
        src: party('Number of the caller'),
        dst: party('Agent'),
        disposition: oneOf(queueDisposition, 'How it ended'),
        billedSeconds: seconds('Conversation', { wire: ['billsec'] }),
        waitSeconds: seconds('Wait', { wire: ['wait'] }),
        tries: number('Times the agent was rung', { unit: 'times', mark: 'I' }),
        comment: text('Comment'),
      },
      'One entry per agent that was tried',
    ),
    ...ids,
  }),
  VoiceMail: z.object({
    id: text('Id of the voice message; VoiceMailEmail has the same'),
    number: party('Voice mail box'),
    caller: party('Number of the caller'),
    state: oneOf(result, 'Whether it was stored'),
    date: date('When it happened'),
    filename: text('File of the recording; with success'),
    durationSeconds: seconds('Length of the recording; with success', { wire: ['duration'] }),
    message: text('What went wrong; with failed'),
    data: anything('In the table of the page, without an example', { mark: 'U' }),
    ...ids,
  }),
  VoiceMailEmail: z.object({
    id: text('Id of the voice message, as in VoiceMail'),
    number: party('Voice mail box'),
    receiver: text('Address of the mail'),
    state: oneOf(result, 'Whether the mail was sent'),
    date: date('When it happened'),
    active: boolean('Whether mail is switched on for the box'),
    attachedFile: boolean('Whether the recording is attached'),
    message: text('What went wrong; with failed'),
    data: anything('In the table of the page, without an example', { mark: 'U' }),
  }),
  Survey: z.object({
    src: party('Number of the caller'),
    dst: party('Agent'),
    queue: text('Queue'),
    date: date('When the mark was given'),
    point: number('The mark'),
    label: text('Name of the survey'),
    ...ids,
  }),
  Cdr: z.object({
    src: party('Number or extension of the caller'),
    dst: party('Agent, or the number that was dialled; `failed` has been seen'),
    did: party('Number that was dialled', { mark: 'S' }),
    type: oneOf({ incoming: [], outgoing: [], local: [], feature: [], 'no-defined': [] }, 'Kind of call'),
    disposition: oneOf(disposition, 'How it ended; `failed` and `congestion` are words of the report API'),
    startTime: date('Start of the conversation rather than of the call: do not order by it', {
      wire: ['starttime', 'start_time'],
    }),
    endTime: date('End of the conversation', { wire: ['endtime', 'end_time'] }),
    durationSeconds: seconds('Whole call', { wire: ['duration'] }),
    billedSeconds: seconds('Conversation', { wire: ['billsec'] }),
    waitSeconds: seconds('Wait before the answer', { wire: ['wait'] }),
    record: text('File name of the recording'),
    pollPoint: number('Mark of the survey'),
    pollLabel: text('Name of the survey', { wire: ['poll_lable', 'poll_label'] }),
    entryPoint: text('Trunk the call came in through; its name may look like a number'),
    outgoingPoint: text('Trunk the call left through; its name may look like a number'),
    ...ids,
  }),
  TrunkNewState: z.object(trunkFields),
  TrunkAdded: z.object(trunkFields),
  TrunkRemoved: z.object({
    trunkName: text('Trunk'),
    date: date('When it happened; epoch seconds on the wire'),
  }),
  AutoDialerReport: z.object({
    campaignId: text('Id of the campaign'),
    campaign: text('Name of the campaign'),
    number: party('Number that was called'),
    disposition: oneOf(dialerDisposition, 'How it ended; `lost` is a word of the report API'),
    startTime: date('Start', { wire: ['start', 'starttime'] }),
    endTime: date('End', { wire: ['end', 'endtime'] }),
    billedSeconds: seconds('Conversation', { wire: ['billsec'] }),
    waitSeconds: seconds('Wait before the answer', { wire: ['wait'] }),
    try: number('Tries made for the number', { unit: 'times', mark: 'I' }),
    repeat: number('Repeats of the campaign', { unit: 'times', mark: 'I' }),
    interfaceContext: text('Dialplan context that takes the answered call', { mark: 'I' }),
    interfaceText: text('Its text', { mark: 'I' }),
    tries: list(
      {
        cdrId: text('Id of the call record'),
        disposition: oneOf(dialerDisposition, 'How it ended'),
        cause: text('Cause code, such as 16'),
        causeText: text('The cause in words', { wire: ['cause-txt', 'cause_text'] }),
        startTime: date('Start; seems to be local time on a 12-hour clock, so take the event’s own', {
          wire: ['starttime', 'start_time'],
          mark: 'I',
        }),
        waitSeconds: seconds('Wait before the answer', { wire: ['wait'] }),
      },
      'One entry per try',
    ),
  }),
  ReservedCallInFront: z.object({
    queueName: text('Queue'),
    callerId: party('Number of the caller'),
    date: date('When the place was reserved'),
  }),
  Ping: z.object({}),
  Unknown: z.record(z.string(), z.unknown()),
} satisfies Record<EventName, z.ZodType>

type Frozen<T> = T extends Date
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T

/** What `event.data` holds for an event name; a union over several names. */
export type EventData<N extends EventName = EventName> = N extends EventName
  ? Frozen<z.output<(typeof schemas)[N]>>
  : never
