/**
 * Every Redis key, job id and lane key is spelled here, and nowhere else.
 * One hash tag per shard, `{PREFIX:shard}`, so that every script of a shard touches one slot of a Cluster.
 */
import { createHash } from 'node:crypto'

/** Name of the BullMQ queue in each shard; the shard is in BullMQ's prefix. */
export const queueName = 'events'

/** Longest lane key in bytes before its tail is replaced by a hash; lanes come from the wire. */
const maxLaneKeyBytes = 200

export type ShardKeys = {
  readonly shard: number
  /** BullMQ's prefix, and the first part of every key of ours: `{simotel:0}`. */
  readonly base: string
  /** Hash lane key -> job id in BullMQ; also the set of live lanes. */
  readonly heads: string
  /** Hash lane key -> since when it is blocked, in epoch milliseconds. */
  readonly blocked: string
  /** How many shards there are; asserted by every enqueue. */
  readonly shards: string
  /** Sorted set of dead letters that were replayed: job id -> when. They wait for the trim. */
  readonly replayed: string
  /** Written behind a batch of events that replicas are to confirm, so that there is a write to confirm. Empty. */
  readonly confirmed: string
  /** Held by the one process that sweeps and trims this shard. */
  readonly sweeper: string
  /** BullMQ's sorted sets of finished jobs. */
  readonly completed: string
  readonly failed: string
  /** BullMQ's sorted set of jobs that wait for a time. */
  readonly delayed: string
  /** BullMQ's lists of jobs that wait for a worker, and that one has. */
  readonly waiting: string
  readonly active: string
  /** List of what operators did, newest first; in shard 0 only. */
  readonly actions: string
  /** Sorted set process id -> when it was last heard; in shard 0 only. */
  readonly alive: string
  /** Hash process id -> what it says of itself; in shard 0 only. */
  readonly heartbeats: string
  /** Hash of the password that the admin made for itself; in shard 0 only. */
  readonly adminPassword: string
  /** Sorted set job id -> sequence: dedupe and timeline of one lane. */
  call(laneKey: string): string
  /** List of the events parked behind a lane's head. */
  lane(laneKey: string): string
  /** Hash of one BullMQ job. */
  job(jobId: string): string
  /** List of one line per attempt of a job. */
  attempts(jobId: string): string
  /** Sorted set lane -> when it was last seen, for one number or extension. */
  who(term: string): string
  /** The event id that the first delivery of these bytes was given. */
  delivery(fingerprint: string): string
}

/** The keys of one shard. */
export function shardKeys(prefix: string, shard: number): ShardKeys {
  const base = `{${prefix}:${shard}}`
  const queue = `${base}:${queueName}`
  return {
    shard,
    base,
    heads: `${base}:heads`,
    blocked: `${base}:blocked`,
    shards: `${base}:shards`,
    replayed: `${base}:replayed`,
    confirmed: `${base}:confirmed`,
    sweeper: `${base}:sweeper`,
    completed: `${queue}:completed`,
    failed: `${queue}:failed`,
    delayed: `${queue}:delayed`,
    waiting: `${queue}:wait`,
    active: `${queue}:active`,
    actions: `${base}:actions`,
    alive: `${base}:alive`,
    heartbeats: `${base}:heartbeats`,
    adminPassword: `${base}:admin-password`,
    call: (laneKey) => `${base}:call:${laneKey}`,
    lane: (laneKey) => `${base}:lane:${laneKey}`,
    job: (jobId) => `${queue}:${jobId}`,
    attempts: (jobId) => `${queue}:${jobId}:logs`,
    who: (term) => `${base}:who:${term}`,
    delivery: (fingerprint) => `${base}:delivery:${fingerprint}`,
  }
}

/**
 * The form of a lane that may stand in a key: bytes other than printable ASCII and `%` are percent-escaped, and a long
 * one keeps its beginning and gets a hash. Usual lanes stay as they are. Different lanes give different keys.
 */
export function laneKeyOf(lane: string): string {
  if (/^[!-$&-~]{1,200}$/.test(lane)) return lane
  const bytes = Buffer.from(lane, 'utf8')
  let escaped = ''
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25
    escaped += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    if (escaped.length > maxLaneKeyBytes) {
      return `${escaped.slice(0, 100)}%${createHash('sha256').update(bytes).digest('hex')}`
    }
  }
  return escaped
}

/** The shard of a lane: stable for ever, since a lane must never be in two places. */
export function shardOf(laneKey: string, shards: number): number {
  if (shards === 1) return 0
  return createHash('sha256').update(laneKey).digest().readUInt32BE(0) % shards
}

/** The keys of every shard, shard 0 first. */
export function shardsOf({
  prefix,
  shards,
}: {
  readonly prefix: string
  readonly shards: number
}): readonly ShardKeys[] {
  return Array.from({ length: shards }, (_, shard) => shardKeys(prefix, shard))
}

/** The one of all shards that a lane is in, by its lane key. */
export function shardIn(shards: readonly ShardKeys[], laneKey: string): ShardKeys {
  const keys = shards[shardOf(laneKey, shards.length)]
  if (keys === undefined) throw new RangeError('there is no shard')
  return keys
}

/** The event id in a job id: a replay's job is `eventId~2`, the next `eventId~3`. */
export function eventIdOf(jobId: string): string {
  const at = jobId.indexOf('~')
  return at === -1 ? jobId : jobId.slice(0, at)
}
