/**
 * What makes one call different from the next: its ids, its numbers, its names, its time. Flows are written in these terms,
 * so that the facts of the documentation give back the documented payloads. Pure.
 */
import { below, pick, type Random } from './random.ts'

/** What a call is made of. `documentedFacts` fills what a flow of call-flows.md leaves to it. */
export type FactValues = {
  /** Start of the call in whole epoch seconds, UTC. */
  readonly epoch: number
  /** Second part of the call id; a further leg has the next one. */
  readonly sequence: number
  /** The outside party; `otherNumber` is a second one, for flows outside calls. */
  readonly number: string
  readonly otherNumber: string
  /** Microseconds in `originated_call_id`, as six digits. */
  readonly micros: string
  /** Changes the last four hex digits of entity ids (fax, voicemail, campaign); 0 keeps the documented ones. */
  readonly salt: number
  readonly queue: string
  readonly survey: string
  readonly campaign: string
  readonly trunk: string
  /** An extension that is created and removed; `pausedExten` is one that pauses outside any call. */
  readonly newExten: string
  readonly pausedExten: string
}

/** The values, and what follows from them. Offsets are seconds after the start of the call. */
export type Facts = FactValues & {
  /** `<epoch>.<sequence>`, always text: a numeric parse would merge .30 with .3. */
  readonly callId: string
  /** Id of the second leg. */
  readonly legId: string
  readonly originatedCallId: string
  /** `2023-11-14 22:13:25.930000`, UTC, as Simotel writes dates. */
  at(seconds: number): string
  /** The same without a fraction (AutoDialerReport). */
  atSecond(seconds: number): string
  /** Epoch seconds with a fraction (trunk events). */
  epochAt(seconds: number): number
  /** Name of a recording: day of the call and id. */
  record(id: string): string
  /** 24 hex digits whose first 8 are an epoch, from the documented last 16. */
  entityId(seconds: number, documentedTail: string): string
}

/** The names of call-flows.md; epoch, sequence and numbers differ from flow to flow there. */
export const documentedFacts = {
  otherNumber: '09120000109',
  micros: '120345',
  salt: 0,
  queue: '901',
  survey: 'MySurvey',
  campaign: 'کمپین پاییز',
  trunk: 'SimotelTrunk',
  newExten: '77777',
  pausedExten: '553',
} as const satisfies Partial<FactValues>

export function factsOf(values: FactValues): Facts {
  const at = (seconds: number): string => {
    const micros = values.epoch * 1_000_000 + Math.round(seconds * 1_000_000)
    const whole = new Date(Math.floor(micros / 1_000_000) * 1_000).toISOString()
    return `${whole.slice(0, 10)} ${whole.slice(11, 19)}.${String(micros % 1_000_000).padStart(6, '0')}`
  }
  return {
    ...values,
    callId: `${values.epoch}.${values.sequence}`,
    legId: `${values.epoch}.${values.sequence + 1}`,
    originatedCallId: `orig.call.${values.epoch - 1}.${values.micros}`,
    at,
    atSecond: (seconds) => at(seconds).slice(0, 19),
    epochAt: (seconds) => Number((values.epoch + seconds).toFixed(7)),
    record: (id) => `${at(0).slice(0, 10).replaceAll('-', '')}_${id}.mp3`,
    entityId: (seconds, documentedTail) => {
      const end = (Number.parseInt(documentedTail.slice(-4), 16) ^ values.salt) & 0xffff
      const head = (values.epoch + Math.floor(seconds)).toString(16).padStart(8, '0')
      return `${head}${documentedTail.slice(0, -4)}${end.toString(16).padStart(4, '0')}`
    },
  }
}

/** How far apart, in seconds of call time, calls begin; also keeps the epochs in their ids apart. */
export const defaultGapSeconds = 3

/**
 * Facts of call number `call` (from 1): no two calls of a run share a call id, a number, a trunk or a changed extension
 * (numbers and extensions repeat after millions and tens of thousands of calls). `run` draws what all calls of a run
 * share and must be a fresh stream each time; `random` what is this call's own. Some queues and surveys have Persian names.
 */
export function freshFacts(call: number, baseTime: number, gapSeconds: number, run: Random, random: Random): Facts {
  const firstSequence = 10 + below(run, 100_000)
  const firstNumber = below(run, 10_000_000)
  const firstExten = below(run, 45_000)
  const tag = below(run, 0x1000000).toString(16).padStart(6, '0')
  const number = (index: number) => `0912${String((firstNumber + index) % 10_000_000).padStart(7, '0')}`
  const exten = 10_000 + 2 * ((firstExten + call) % 45_000)
  return factsOf({
    epoch: baseTime + Math.floor((call - 1) * gapSeconds),
    sequence: firstSequence + 2 * call,
    number: number(2 * call),
    otherNumber: number(2 * call + 1),
    micros: String(below(random, 1_000_000)).padStart(6, '0'),
    salt: call & 0xffff,
    queue: pick(random, ['901', '902', 'پشتیبانی فنی']),
    survey: pick(random, ['MySurvey', 'نظرسنجی']),
    campaign: documentedFacts.campaign,
    trunk: `SimotelTrunk-${tag}-${call}`,
    newExten: String(exten),
    pausedExten: String(exten + 1),
  })
}
