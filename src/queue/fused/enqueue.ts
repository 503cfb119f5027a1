/**
 * The enqueue script as a function: one event in, its answer out, many events a call.
 */
import type { ShardKeys } from '../keys.ts'
import { type Connection, enqueueCommand, run, type Storable } from './commands.ts'
import { inBatches } from './in-batches.ts'

/** An event and the lane it goes to. */
export type Placed = Storable & { readonly laneKey: string }

export type EnqueueAnswer =
  | { readonly status: 'taken' | 'there'; readonly sequence: number }
  | { readonly status: 'full'; readonly length: number }
  | { readonly status: 'other-shards'; readonly shards: string }

export type EnqueueOptions = {
  readonly shards: number
  /** Longest lane, its head included; 0 = any. */
  readonly maxLaneEvents: number
}

/** Gives a batch of one shard to Redis. Answers for each event, with an Error for one that is refused. */
export type SendBatch = (keys: ShardKeys, batch: readonly Placed[]) => Promise<readonly (EnqueueAnswer | Error)[]>

export type Place = (keys: ShardKeys, event: Placed) => Promise<EnqueueAnswer>

/** Events in one call: about a millisecond of Redis' time. */
const mostEvents = 64

/** Characters in one call; an event may be a megabyte. */
const mostCharacters = 1_000_000

/** Batches for each shard, `callsAtATime` as inBatches has it; answers as `send` does. */
export function placeInBatches(send: SendBatch, about: { readonly callsAtATime?: number } = {}): Place {
  const shards = new Map<ShardKeys, (event: Placed) => Promise<EnqueueAnswer>>()
  return (keys, event) => {
    let place = shards.get(keys)
    if (place === undefined) {
      place = inBatches<Placed, EnqueueAnswer>((batch) => send(keys, batch), {
        most: mostEvents,
        mostWeight: mostCharacters,
        weigh: ({ rest }) => rest.length,
        ...about,
      })
      shards.set(keys, place)
    }
    return place(event)
  }
}

/** Makes events durable in Redis, as far as its appendfsync goes. */
export function plainEnqueue(redis: Connection, options: EnqueueOptions): Place {
  const send: SendBatch = async (keys, batch) =>
    enqueueAnswers(await run(redis, enqueueCommand, ...enqueueArguments(keys, batch, options)))
  return placeInBatches(send)
}

/** KEYS and ARGV of the enqueue script. */
export function enqueueArguments(
  keys: ShardKeys,
  batch: readonly Placed[],
  { shards, maxLaneEvents }: EnqueueOptions,
): (string | number)[] {
  const args: (string | number)[] = [keys.shards, keys.heads, keys.base, shards, maxLaneEvents]
  for (const { laneKey, jobId, name, timestamp, rest } of batch)
    args.push(laneKey, `${jobId} ${name} ${timestamp}`, rest)
  return args
}

/** What the enqueue script answered, for each event. */
export function enqueueAnswers(answer: unknown): (EnqueueAnswer | Error)[] {
  const flat = answer as (number | string)[]
  return Array.from({ length: flat.length / 2 }, (_, index) => answerOf(Number(flat[2 * index]), flat[2 * index + 1]))
}

function answerOf(code: number, detail: string | number | undefined): EnqueueAnswer | Error {
  if (code === 1) return { status: 'taken', sequence: Number(detail) }
  if (code === 0) return { status: 'there', sequence: Number(detail) }
  if (code === -1) return { status: 'full', length: Number(detail) }
  if (code === -2) return { status: 'other-shards', shards: String(detail) }
  return new Error(String(detail))
}
