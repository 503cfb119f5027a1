/**
 * One sensible example of each event's data, for fixtures: the flows of a call that rings a queue, is answered and rated.
 * Made-up numbers; kept equal to the schemas by the compiler.
 */
import type { EventName } from './catalogue.ts'
import type { EventData } from './schemas.ts'

const caller = '09120000101'
const at = (time: string): Date => new Date(`2023-11-14T${time}Z`)

/** The id of the call in the samples; events that name no call have none. */
export const sampleCallId = '1700000000.101'

export const samples: { readonly [N in EventName]: EventData<N> } = {
  NewState: { exten: '553', state: 'ringing', participant: caller, direction: 'in', queue: '901' },
  Transfer: { transferer: '553', transferredFrom: caller, transferredTo: '557' },
  IncomingCall: { number: caller, entryPoint: 'E1' },
  OutgoingCall: { number: caller, outgoingPoint: 'E1' },
  ExtenAdded: { exten: '553', state: 'unavailable' },
  ExtenRemoved: { exten: '553', state: 'unavailable' },
  IncomingFax: {
    faxId: '65540c778a315630478f6d28',
    src: '02191000504',
    dst: '2191000504',
    entryPoint: 'E1',
    state: 'success',
    date: at('22:13:20'),
    description: { status: 'success', pages: 1 },
  },
  OutgoingFax: { faxId: '65540c778a315630478f6d29', state: 'sending', date: at('22:13:20') },
  CdrQueue: {
    src: caller,
    dst: '553',
    queue: '901',
    disposition: 'answered',
    hangup: 'agent',
    queueStatus: 'continue',
    startTime: at('22:13:25.930'),
    ringTime: at('22:13:26'),
    answeredTime: at('22:13:31.400'),
    endTime: at('22:14:08.900'),
    durationSeconds: 42,
    billedSeconds: 37,
    waitSeconds: 5,
    agentWaitSeconds: 5,
    record: '20231114_1700000000.101.mp3',
    detail: [{ src: caller, dst: '553', disposition: 'answered', billedSeconds: 37, waitSeconds: 5, tries: 1 }],
  },
  VoiceMail: {
    id: '655408991b05af9835bb0001',
    number: '5555',
    caller,
    state: 'success',
    date: at('22:14:01'),
    filename: '5555_1700000029-vm-record-file-8766.wav',
    durationSeconds: 12,
  },
  VoiceMailEmail: {
    id: '655408991b05af9835bb0001',
    number: '5555',
    receiver: 'sample@example.com',
    state: 'success',
    date: at('22:14:07.500'),
    active: true,
    attachedFile: false,
  },
  Survey: { src: caller, dst: '553', queue: '901', date: at('22:14:15.300'), point: 5, label: 'MySurvey' },
  Cdr: {
    src: caller,
    dst: '553',
    type: 'incoming',
    disposition: 'answered',
    startTime: at('22:13:31'),
    endTime: at('22:14:18'),
    durationSeconds: 58,
    billedSeconds: 47,
    waitSeconds: 11,
    record: '20231114_1700000000.101.mp3',
    pollPoint: 5,
    pollLabel: 'MySurvey',
    entryPoint: 'E1',
  },
  TrunkNewState: { trunkName: 'E1', trunkType: 'SIP', state: 'ok', date: at('22:13:20') },
  TrunkAdded: { trunkName: 'E1', trunkType: 'SIP', state: 'unavailable', date: at('22:13:20') },
  TrunkRemoved: { trunkName: 'E1', date: at('22:13:20') },
  AutoDialerReport: {
    campaignId: '6553fe48a6c708b761215200',
    campaign: 'autumn',
    number: caller,
    disposition: 'answered',
    startTime: at('22:13:20'),
    endTime: at('22:13:39'),
    billedSeconds: 5,
    waitSeconds: 2,
    try: 1,
    repeat: 1,
  },
  ReservedCallInFront: { queueName: '901', callerId: caller, date: at('22:13:45') },
  Ping: {},
  Unknown: { something: 'that has no name' },
}
