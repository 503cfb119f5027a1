/**
 * What a refusal by Redis means: Redis is unwell (try later, or elsewhere), or this one event cannot be taken.
 * When in doubt it is Redis: an event kept for a later try is not lost.
 */
import { EventRefusedError, RedisUnavailableError } from '../errors.ts'

/** Redis is well and says that this one value is too much: another try will end the same way. */
const concernsOneEvent = /string exceeds maximum allowed size|invalid bulk length|value is too large/i

/** Redis' memory is full: writes are refused, but what frees memory works. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && /\bOOM command not allowed/.test(error.message)
}

/** The error of ours that an error of ioredis stands for. */
export function classify(error: unknown): RedisUnavailableError | EventRefusedError {
  if (error instanceof RedisUnavailableError || error instanceof EventRefusedError) return error
  const text = error instanceof Error ? error.message : String(error)
  if (concernsOneEvent.test(text))
    return new EventRefusedError(`Redis cannot store this event: ${text}`, { cause: error })
  return new RedisUnavailableError(`Redis did not take the event: ${text.slice(0, 200)}`, { cause: error })
}
