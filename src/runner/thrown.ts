/**
 * Whatever a processor threw, as text that may be stored and shown: one line of causes, cut to 1 KB, numbers and
 * credentials masked. Total: null, strings, proxies and objects whose getters throw are all just text here.
 */
import { cutText, maskNumbers } from '../mask.ts'

const maxErrorBytes = 1_024
const maxStackBytes = 4_096
const maxCauses = 8

/** A property read without trusting the object: undefined if there is none or reading it throws. */
export function propertyOf(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return undefined
  try {
    return (value as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** What was thrown and its causes, in at most 1 KB. Never empty, never throws. */
export function describeThrown(thrown: unknown): string {
  const parts: string[] = []
  collect(thrown, parts, new Set())
  return safeText(parts.join('; caused by '), maxErrorBytes)
}

/** The stack of an error, masked and cut to 4 KB, for the log; undefined if it has none. */
export function stackOf(thrown: unknown): string | undefined {
  const stack = propertyOf(thrown, 'stack')
  return typeof stack === 'string' && stack !== '' ? safeText(stack, maxStackBytes) : undefined
}

/** Text from a user's code, fit to be stored: masked, without control characters, cut to `maxBytes`. */
export function safeText(text: string, maxBytes: number = maxErrorBytes): string {
  // Cut first, so that a message of megabytes costs nothing; with room, so that the mask sees a number whole.
  const clean = text
    .slice(0, maxBytes * 4)
    .replace(/[^\P{Cc}\n\t]/gu, ' ')
    .replace(/(\w:\/\/)[^@/\s]*@/g, '$1***@')
  return cutText(maskNumbers(clean), maxBytes)
}

function collect(thrown: unknown, parts: string[], seen: Set<unknown>): void {
  if (parts.length >= maxCauses || seen.has(thrown)) return
  if (typeof thrown === 'object' && thrown !== null) seen.add(thrown)
  parts.push(headline(thrown))
  const cause = propertyOf(thrown, 'cause')
  if (cause !== undefined && cause !== null) collect(cause, parts, seen)
  const several = propertyOf(thrown, 'errors')
  try {
    if (Array.isArray(several)) for (const one of several.slice(0, maxCauses)) collect(one, parts, seen)
  } catch {
    // A list that cannot be read has nothing to tell.
  }
}

// Names that say nothing a reader of the outcome does not know.
const plainNames = new Set<unknown>(['Error', 'PermanentError', 'RetryLaterError', 'BridgeError'])

function headline(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown.trim() === '' ? 'an empty text was thrown' : thrown
  if (typeof thrown === 'symbol' || typeof thrown === 'bigint' || typeof thrown === 'function') return kindOf(thrown)
  if (typeof thrown !== 'object' || thrown === null) return `${String(thrown)} was thrown`
  const name = propertyOf(thrown, 'name')
  const message = propertyOf(thrown, 'message')
  const code = propertyOf(thrown, 'code')
  const named = typeof name === 'string' && name !== '' && !plainNames.has(name) ? name : ''
  if (typeof message === 'string' && message !== '') return named === '' ? message : `${named}: ${message}`
  // An error for several addresses (ECONNREFUSED on ::1 and 127.0.0.1) has a code and no message.
  if (typeof code === 'string' && code !== '') return named === '' ? code : `${named}: ${code}`
  return named === '' ? kindOf(thrown) : named
}

const withoutSecrets = (key: string, value: unknown): unknown =>
  /authorization|password|secret|token|api.?key|cookie/i.test(key) ? '***' : value

/** The content of an object that is no error, or at least what sort of thing it is. */
function kindOf(thrown: unknown): string {
  if (typeof thrown === 'symbol' || typeof thrown === 'bigint') return `${String(thrown)} was thrown`
  if (typeof thrown === 'function') return 'a function was thrown'
  if (propertyOf(thrown, 'name') === 'Error') return 'an error without a message'
  try {
    return `${JSON.stringify(thrown, withoutSecrets) ?? 'an object'} was thrown`
  } catch {
    return 'an object that cannot be read was thrown'
  }
}
