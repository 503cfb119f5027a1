/**
 * The JSON of the admin's API, once: checked on its way in, held to on its way out, and published as OpenAPI. Moments are ISO
 * 8601 in UTC; names in `Ms` are milliseconds. With MASK_NUMBERS phone numbers in answers are masked; those in questions need not be.
 */
import { z } from 'zod'
import { selectorShape } from '../../queue/select.ts'

const moment = z.iso.datetime().describe('ISO 8601, UTC')
const state = z
  .enum(['parked', 'waiting', 'active', 'delayed', 'completed', 'skipped', 'dead', 'blocked'])
  .describe('Of an event, or of a lane: blocked, else that of its head, else dead if one of its events is')
const callId = z.string().nullable().describe('Null in a lane that is no call’s')
const lane = z.string().describe('Such as default/call:1700000000.101; in an address URL-encoded')

export const refusal = z
  .object({ ok: z.literal(false), code: z.string(), message: z.string() })
  .describe('docs/errors.md lists the codes')

export const overview = z.object({
  waiting: z.number(),
  active: z.number(),
  delayed: z.number(),
  parked: z.number(),
  dead: z.number(),
  completed: z.number().describe('Completed and skipped events that are still kept'),
  lanes: z.number(),
  blockedLanes: z.number(),
  oldestWaitingMs: z.number().describe('Of events that nobody works on; a blocked lane does not count'),
  oldestBlockedMs: z.number(),
  workers: z.number().describe('Workers that are alive'),
  spool: z
    .object({ events: z.number(), bytes: z.number(), oldestMs: z.number(), quarantined: z.number() })
    .describe('On the disks of all ingress processes that are alive'),
  processes: z.array(
    z.object({
      kind: z.enum(['ingress', 'worker', 'admin']),
      id: z.string(),
      version: z.string(),
      host: z.string().optional(),
      isAlive: z.boolean(),
      isReady: z.boolean().optional(),
      startedAt: moment,
      lastAt: moment,
    }),
  ),
  at: moment.describe('By the clock of Redis'),
})

export const stretchQuery = z.object({
  before: z.coerce.number().optional().describe('Only events before this sequence'),
  after: z.coerce.number().optional().describe('Only events behind this sequence'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

const event = z.object({
  eventId: z.string(),
  name: z.string(),
  sequence: z.number(),
  receivedAt: moment,
  state,
  nextTryAt: moment.optional().describe('Of a delayed event'),
  finishedAt: moment.optional(),
  attempts: z
    .array(
      z.object({
        attempt: z.number().describe('Counted from 1'),
        run: z.number().describe('Starts, put-offs and crashes included'),
        startedAt: moment.nullable().describe('Null if it is not known'),
        durationMs: z.number(),
        outcome: z.enum(['completed', 'skipped', 'retry', 'later', 'dead', 'vanished']),
        error: z.string().optional(),
      }),
    )
    .describe('Of all runs, replays included, oldest first'),
})

export const timeline = z.object({
  callId,
  lane,
  source: z.string(),
  sources: z
    .array(z.string())
    .optional()
    .describe('Of a call: every source that has events of this id, the latest first'),
  state,
  events: z.array(event).describe('In order, one entry for an event id; of a long lane a stretch around its head'),
  earlier: z.number().describe('Ids of the lane before these; ask with before'),
  later: z.number().describe('Ids of the lane behind these; ask with after'),
  behind: z.number().describe('Events parked behind the head'),
  blockedSince: moment.nullable(),
})

export const searchQuery = z.object({
  q: z
    .string()
    .min(1)
    .max(200)
    .describe('A call id, a phone number in any spelling, an extension, a lane or an event id'),
})

export const found = z.object({
  calls: z.array(
    z.object({
      callId,
      lane,
      source: z.string(),
      firstAt: moment,
      lastAt: moment,
      events: z.number(),
      state,
    }),
  ),
})

export const deadQuery = z.object({
  call: z.string().optional().describe('Call id, in every source'),
  ...selectorShape.pick({ lane: true, event: true, error: true, group: true }).shape,
  cursor: z.string().optional().describe('Of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

export const dead = z.object({
  dead: z
    .array(
      z.object({
        eventId: z.string(),
        name: z.string(),
        callId,
        lane,
        deadAt: moment,
        attempts: z.number(),
        error: z.string(),
        event: z.record(z.string(), z.unknown()).describe('As it is stored, with the raw webhook'),
      }),
    )
    .describe('Newest first'),
  cursor: z.string().nullable().describe('To go on from; null at the end. A page may be empty and still go on'),
})

export const errors = z.object({
  groups: z.array(
    z.object({
      group: z.string().describe('Give it as group to select these'),
      error: z.string().describe('The latest of them'),
      count: z.number(),
      events: z.array(z.string()).describe('Names of the events, most frequent first'),
      firstAt: moment,
      lastAt: moment,
    }),
  ),
  grouped: z.number().describe('How many dead letters were looked at: the newest'),
  dead: z.number().describe('How many there are'),
})

export const blocked = z.object({
  blocked: z
    .array(
      z.object({
        lane,
        callId,
        eventId: z.string().describe('Of the head, which is dead'),
        name: z.string(),
        since: moment,
        error: z.string(),
        behind: z.number().describe('Events parked behind it'),
      }),
    )
    .describe('The longest blocked first, at most 200'),
})

/** Strict: with a misspelt field beside others, more would be replayed or discarded than was meant. */
export const selection = z.strictObject({
  ...selectorShape.shape,
  dryRun: z.boolean().optional().describe('Only say what would be done, in which order'),
})

const done = {
  eventIds: z.array(z.string()).describe('In their order; in a dry run those that would be'),
  planned: z.number().describe('How many dead letters were meant; somebody else may have been quicker'),
  isComplete: z.boolean().describe('False if the admin was stopped on the way'),
  dryRun: z.boolean(),
}

export const replayed = z.object({ replayed: z.number().describe('How many; in a dry run, would be'), ...done })
export const discarded = z.object({ discarded: z.number().describe('How many; in a dry run, would be'), ...done })
