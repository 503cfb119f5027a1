/**
 * What the admin answers when it does not do what was asked: one shape, `{"ok":false,"code":"BRIDGE_…","message":"…"}`, and
 * one place that finds it for any error.
 */
import type { FastifyError, FastifyInstance } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { BridgeError, type ErrorCode, RedisUnavailableError } from '../errors.ts'
import type { Log } from '../log.ts'
import { isOfRedis } from '../queue/away.ts'

/** An answer that is an error. `message` says what is wrong and what to do. */
export type Refusal = { readonly status: number; readonly code: ErrorCode; readonly message: string }

/** A refusal to be thrown. */
export class RefusedError extends BridgeError {
  /** The name under which Fastify and its plugins look for it. */
  readonly statusCode: number

  constructor({ status, code, message }: Refusal, options?: ErrorOptions) {
    super(code, message, options)
    this.statusCode = status
  }
}

/** The text of a refusal. */
export function refusalText({ code, message }: Refusal): string {
  return JSON.stringify({ ok: false, code, message })
}

/** The refusal that an error stands for; 500 for one that nobody expected. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedError) return { status: error.statusCode, code: error.code, message: error.message }
  if (error instanceof RedisUnavailableError) return { status: 503, code: error.code, message: error.message }
  if (error instanceof BridgeError) {
    const status = error.code === 'BRIDGE_BAD_REQUEST' ? 400 : 503
    return { status, code: error.code, message: error.message }
  }
  if (hasZodFastifySchemaValidationErrors(error)) return badRequest(400, problemsOf(error))
  const { statusCode = 500, code, message } = (error ?? {}) as FastifyError
  if (statusCode === 401) return unauthorized
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return wrongType
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return {
      status: 413,
      code: 'BRIDGE_BODY_TOO_LARGE',
      message: 'The body is larger than any that means something here.',
    }
  }
  if (statusCode < 500) return badRequest(statusCode, message)
  if (isOfRedis(error)) {
    return {
      status: 503,
      code: 'BRIDGE_REDIS_UNAVAILABLE',
      message: `Redis cannot be asked now: ${message.slice(0, 200)}`,
    }
  }
  return { status: 500, code: 'BRIDGE_INTERNAL', message: 'The admin failed; its log says why.' }
}

/** Answers every error and every address that is none, as JSON. Pages may answer theirs in their own scope. */
export function answerRefusals(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, _request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.code === 'BRIDGE_INTERNAL') log.error({ err: error }, 'request failed')
    return reply.code(refusal.status).type('application/json; charset=utf-8').send(refusalText(refusal))
  })
  app.setNotFoundHandler((_request, reply) => {
    const text = refusalText({
      status: 404,
      code: 'BRIDGE_NOT_FOUND',
      message: 'Nothing is here. The ops page is at /.',
    })
    return reply.code(404).type('application/json; charset=utf-8').send(text)
  })
}

export const unauthorized: Refusal = {
  status: 401,
  code: 'BRIDGE_UNAUTHORIZED',
  message:
    'User name or password is missing or wrong: they are ADMIN_USERNAME and ADMIN_PASSWORD, or the one in the log.',
}

export const wrongType: Refusal = {
  status: 415,
  code: 'BRIDGE_BAD_REQUEST',
  message: 'Changes are taken as application/json only.',
}

function badRequest(status: number, message: string): Refusal {
  return { status, code: 'BRIDGE_BAD_REQUEST', message }
}

/** Field and reason of each; never a value. */
function problemsOf({
  validation,
  validationContext,
}: {
  validation: readonly unknown[]
  validationContext?: unknown
}): string {
  const problems = (validation as readonly { instancePath?: string; message?: string }[]).map(
    ({ instancePath = '', message = '' }) => `${instancePath.slice(1).replaceAll('/', '.')} ${message}`.trim(),
  )
  return `The ${validationContext ?? 'request'} is not accepted: ${problems.join('; ')}.`
}
