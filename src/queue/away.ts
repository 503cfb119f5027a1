/**
 * Whether an error is one of Redis or of the way to it, for those who look and steer: then the answer is to come again later.
 */
import { RedisUnavailableError } from '../errors.ts'

const names = new Set([
  'ReplyError',
  'MaxRetriesPerRequestError',
  'ClusterAllFailedError',
  'AbortError',
  'AggregateError',
])
const texts =
  /Stream isn't writeable|Connection is closed|timed out|Socket timeout|Cluster isn't ready|None of startup/i

/** True for our own RedisUnavailableError, and for what ioredis rejects with while Redis is away, hangs, loads its data, is read-only, full or refuses. */
export function isOfRedis(error: unknown): boolean {
  if (error instanceof RedisUnavailableError) return true
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) return false
  const { code } = error as NodeJS.ErrnoException
  return names.has(error.name) || texts.test(error.message) || /^E[A-Z]+$/.test(code ?? '')
}
