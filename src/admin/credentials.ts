/**
 * Who may come in: with ADMIN_PASSWORD whoever knows it; without it, on loopback everybody; else whoever knows the password
 * that the first start made, printed once in its log and kept in Redis as a hash.
 */
import { hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { RedisUnavailableError } from '../errors.ts'
import type { Log } from '../log.ts'
import { keepAdminPassword, readAdminPassword } from '../queue/admin-password.ts'
import type { Queues } from '../queue/queues.ts'
import { RefusedError } from './refusals.ts'

export type Credentials = {
  /** Whether they are right. Rejects with a refusal if that cannot be said now. */
  areRight(username: string, password: string): Promise<boolean>
  /** Makes the password, if one is to be made; needs Redis. */
  prepare(): Promise<void>
}

/** Compared as one, as digests of equal length, in constant time. */
export function givenCredentials(username: string, password: string): Credentials {
  const expected = digestOf(username, password)
  return {
    areRight: async (user, pass) => timingSafeEqual(digestOf(user, pass), expected),
    prepare: async () => {},
  }
}

export type MadeOptions = { readonly queues: Queues; readonly username: string; readonly log: Log }

/** Guesses that wait for their turn, at most: each costs tens of milliseconds. */
const maxGuesses = 20

/**
 * Made by the first start, and by every one after the hash was removed from Redis. Once it has been given right it is known by its
 * digest, so that a page that refreshes itself does not cost a scrypt each time.
 */
export function madeCredentials({ queues, username, log }: MadeOptions): Credentials {
  let kept: string | undefined
  let right: Buffer | undefined
  let guesses = 0
  let last: Promise<unknown> = Promise.resolve()

  const load = async () => {
    kept = await readAdminPassword(queues)
    while (kept === undefined) {
      // 144 bits: nobody guesses it.
      const secret = randomBytes(18).toString('base64url')
      const made = await hashOf(secret)
      if (await keepAdminPassword(queues, made)) {
        kept = made
        const text = 'a password was made for the admin pages: it is shown only this once, only its hash is kept'
        log.warn({ username, secret }, text)
      } else kept = await readAdminPassword(queues)
    }
    return kept
  }
  return {
    async areRight(user, pass) {
      const given = digestOf(user, pass)
      if (right !== undefined && timingSafeEqual(given, right)) return true
      if (guesses >= maxGuesses) throw new RefusedError(tooBusy)
      guesses += 1
      // One at a time: whoever guesses must not take all threads.
      const turn = last.then(async () => await isHashOf(pass, kept ?? (await load())))
      last = turn.catch(() => {})
      try {
        const isRight =
          (await turn) && timingSafeEqual(hash('sha256', user, 'buffer'), hash('sha256', username, 'buffer'))
        if (isRight) right = given
        return isRight
      } catch (cause) {
        throw new RedisUnavailableError('Who may come in is kept in Redis, which cannot be asked now.', { cause })
      } finally {
        guesses -= 1
      }
    },
    async prepare() {
      await load()
    },
  }
}

const tooBusy = {
  status: 429,
  code: 'BRIDGE_UNAUTHORIZED',
  message: 'Too many wrong passwords at once; try again in a few seconds.',
} as const

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const hashBytes = 32

async function hashOf(secret: string): Promise<string> {
  const salt = randomBytes(16)
  return `scrypt ${salt.toString('base64url')} ${(await derive(secret, salt, hashBytes)).toString('base64url')}`
}

async function isHashOf(secret: string, kept: string): Promise<boolean> {
  const [, salt = '', expected = ''] = kept.split(' ')
  const bytes = Buffer.from(expected, 'base64url')
  const derived = await derive(secret, Buffer.from(salt, 'base64url'), hashBytes)
  return bytes.length === hashBytes && timingSafeEqual(derived, bytes)
}

function digestOf(username: string, password: string): Buffer {
  // HTTP Basic ends the user name at the first colon, so the pair is one text in one way only.
  return hash('sha256', `${username}:${password}`, 'buffer')
}
