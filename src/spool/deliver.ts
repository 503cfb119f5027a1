/**
 * Hands events on in order: many lanes at a time, the events of one lane one after the other, each only after the answer to
 * the one before. So whatever fails in between, no event passes an earlier one of its lane.
 */
import { RedisUnavailableError } from '../errors.ts'
import type { NewEvent } from '../event/event.ts'
import type { Enqueue } from '../queue/lanes.ts'

export type Item = {
  readonly lane: string
  readonly receivedAt: Date | undefined
  /** @throws JobDecodeError if what was stored cannot be read. */
  readonly event: () => NewEvent
  /** Taken, or given up with care: nothing is left to do. */
  isDone: boolean
  /** Notes on disk that this item and all before it are done; none if it is not from the disk. */
  readonly note?: () => Promise<void>
  /** Called once Redis has taken it. */
  readonly taken: () => void
  /** Called when it can never be taken; rejects if that cannot be noted now, then the event is tried again. */
  readonly refused: (reason: unknown) => Promise<void>
}

/** Tries all of `items` that are not done. Answers why it stopped, if it did: every item that is not done stays for later. */
export async function deliver(items: readonly Item[], enqueue: Enqueue): Promise<Error | undefined> {
  const lanes = new Map<string, Item[]>()
  for (const item of items) {
    if (item.isDone) continue
    const lane = lanes.get(item.lane)
    if (lane === undefined) lanes.set(item.lane, [item])
    else lane.push(item)
  }
  let stopped: Error | undefined
  await Promise.all(
    [...lanes.values()].map(async (lane) => {
      for (const item of lane) {
        if (item.isDone) continue
        if (stopped !== undefined) return
        const failure = await deliverOne(item, enqueue)
        if (failure === undefined) continue
        stopped ??= failure
        return
      }
    }),
  )
  return stopped
}

async function deliverOne(item: Item, enqueue: Enqueue): Promise<Error | undefined> {
  try {
    await enqueue(item.event())
    item.isDone = true
    item.taken()
    return undefined
  } catch (error) {
    if (error instanceof RedisUnavailableError) return error
    try {
      // Whatever else is thrown concerns this event alone; it must not stop those behind it.
      await item.refused(error)
      item.isDone = true
      return undefined
    } catch (cause) {
      return cause instanceof Error ? cause : new Error(String(cause))
    }
  }
}
