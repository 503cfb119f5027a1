/**
 * Event ids: uuid v7, sortable by time; those of one millisecond, too, in the order in which they were made.
 */
import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** A draw of random bytes costs more than reading a webhook does, and hardly more for many ids than for one. */
const idsPerDraw = 256
const bytesPerId = 16

/** Makes the event ids of one process. `now` in epoch milliseconds; a clock that steps back does not spoil their order. */
export function createEventIds(now: () => number): () => string {
  const drawn = new Uint8Array(idsPerDraw * bytesPerId)
  const figures = new DataView(drawn.buffer)
  let used = drawn.length
  let msecs = -1
  let seq = 0
  return () => {
    if (used === drawn.length) {
      randomFillSync(drawn)
      used = 0
    }
    const at = now()
    // Of its 32 bits the first is left free at the start of a millisecond: it never runs over.
    seq = at > msecs ? figures.getUint32(used) >>> 1 : seq + 1
    msecs = Math.max(at, msecs)
    const random = drawn.subarray(used, used + bytesPerId)
    used += bytesPerId
    return v7({ random, msecs, seq })
  }
}
