/**
 * Every error this project throws on purpose: a class where a caller branches, and a constant code each.
 * docs/errors.md lists code, cause and remedy; a test keeps the two equal. Knows nothing else.
 */

/** Codes are for programs and never change; messages are for people and may. */
export const errorCodes = [
  'BRIDGE_CONFIG',
  'BRIDGE_REDIS_UNAVAILABLE',
  'BRIDGE_EVENT_REFUSED',
  'BRIDGE_JOB_DECODE',
  'BRIDGE_PROCESSOR_LOAD',
  'BRIDGE_PERMANENT',
  'BRIDGE_RETRY_LATER',
  'BRIDGE_TIMEOUT',
  'BRIDGE_BULLMQ_VERSION',
  'BRIDGE_SHARDS',
  'BRIDGE_COMPONENT_REQUEST',
  'BRIDGE_UNAUTHORIZED',
  'BRIDGE_FORBIDDEN',
  'BRIDGE_BODY_TOO_LARGE',
  'BRIDGE_NOT_FOUND',
  'BRIDGE_METHOD_NOT_ALLOWED',
  'BRIDGE_BAD_REQUEST',
  'BRIDGE_UNAVAILABLE',
  'BRIDGE_INTERNAL',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** An error with a stable code. `message` says what, with which value, and what to do; never a secret or a payload. */
export class BridgeError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** Settings are wrong. `problems` holds one sentence each, naming the variable, what came and what is accepted. */
export class ConfigError extends BridgeError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      'BRIDGE_CONFIG',
      `${problems.length === 1 ? 'A setting is' : 'Settings are'} wrong:\n  ${problems.join('\n  ')}`,
    )
    this.problems = problems
  }
}

/** Redis cannot take anything now: away, hanging, read-only, loading or full. Nothing is known about the one event. */
export class RedisUnavailableError extends BridgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('BRIDGE_REDIS_UNAVAILABLE', message, options)
  }
}

/** Redis is well, but this one event cannot be taken: its lane is full, or its record cannot be stored. */
export class EventRefusedError extends BridgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('BRIDGE_EVENT_REFUSED', message, options)
  }
}

/** A job's data is not a stored event that this version can read. */
export class JobDecodeError extends BridgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('BRIDGE_JOB_DECODE', message, options)
  }
}

/** A file in the processors' folder cannot be used. `message` names file and remedy in one sentence. */
export class ProcessorLoadError extends BridgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('BRIDGE_PROCESSOR_LOAD', message, options)
  }
}

/**
 * For processors: this event will never succeed, stop trying. It becomes a dead letter at once, whatever attempts are left.
 * @example throw new PermanentError(`CRM refused call ${event.callId}`)
 */
export class PermanentError extends BridgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('BRIDGE_PERMANENT', message, options)
  }
}

/**
 * For processors: not now. The event is put off by `delayMs` milliseconds without using up an attempt; its lane waits.
 * After RETRY_LATER_MAX_MS (default 24 h) since the first time it becomes a dead letter.
 * @throws RangeError if `delayMs` is not a finite number of at least 0.
 * @example throw new RetryLaterError('CRM is busy', { delayMs: 30_000 })
 */
export class RetryLaterError extends BridgeError {
  readonly delayMs: number

  constructor(message: string, options: ErrorOptions & { delayMs: number }) {
    super('BRIDGE_RETRY_LATER', message, options)
    if (!Number.isFinite(options.delayMs) || options.delayMs < 0) {
      throw new RangeError(
        `RetryLaterError: delayMs must be a finite number of milliseconds of at least 0, got ${options.delayMs}`,
      )
    }
    this.delayMs = options.delayMs
  }
}

/** What a process says before it ends over an error: what was thrown on purpose says all in one sentence, the rest needs its stack. */
export function lastWords(error: unknown): string {
  if (error instanceof BridgeError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
