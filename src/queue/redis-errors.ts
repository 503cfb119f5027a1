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

/** Why a connection fails, by a code or words of the error: what to do about what no waiting mends. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    'its certificate is signed by nobody known here: give its authority in REDIS_TLS_CA',
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name or address than the one it is reached by'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'its certificate is not valid now: renew it'],
  [/wrong version number/, 'it does not speak TLS on this port: redis:// instead of rediss:// ?'],
  [/WRONGPASS|NOAUTH|invalid password/, 'it refuses user and password: look at those in REDIS_URL'],
  [/NOPERM/, 'its ACL allows this user too little: docs/security.md has the rule'],
]

/** What is said of an error while connecting: its text, that of the node behind it in a Cluster, and what to do. */
export function connectProblem(error: Error): string {
  const { lastNodeError } = error as { lastNodeError?: Error }
  const cause = lastNodeError ?? error
  const text = lastNodeError === undefined ? error.message : `${error.message} ${lastNodeError.message}`
  const remedy = remedies.find(([words]) => words.test(`${(cause as NodeJS.ErrnoException).code} ${text}`))?.[1]
  return remedy === undefined ? text : `${text}: ${remedy}`
}
