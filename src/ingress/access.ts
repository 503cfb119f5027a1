/**
 * Who may send webhooks: addresses (ALLOWED_IPS), then HTTP Basic. Judged before anything of the body is read.
 * Without either setting everybody may, as Simotel's own defaults have it.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import type { Refusal } from './answers.ts'
import { createWindowCount } from './throttle.ts'

const failuresPerMinute = 20
const minuteMs = 60_000

/** A refusal, or undefined for a request that may go on. */
export type Access = (request: FastifyRequest) => Refusal | undefined

/**
 * Access by these settings. An address that fails more than 20 times a minute gets 429 instead of 401; right
 * credentials pass at any time, because behind Docker Desktop or a NAT a guesser and the PBX share one address, and a
 * PBX locked out loses its events. So it is the password's length that stops guessing; this stops the noise.
 */
export function createAccess(
  { allowedIps, credentials }: Pick<Config['ingress'], 'allowedIps' | 'credentials'>,
  now: () => number,
): Access {
  const isAllowed = allowedIps === undefined ? undefined : addressCheck(allowedIps)
  const isRight = credentials === undefined ? undefined : basicCheck(credentials)
  const failures = createWindowCount(minuteMs, now)
  return (request) => {
    if (isAllowed !== undefined && !isAllowed(request.ip)) return forbidden
    if (isRight === undefined || isRight(request.headers.authorization)) return undefined
    return failures.add(request.ip) > failuresPerMinute ? tooMany : unauthorized
  }
}

/** Whether an address is in one of the ranges; IPv4 inside IPv6 (`::ffff:10.0.0.1`) counts as IPv4 in both. */
export function addressCheck(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const range of ranges) {
    const [text = '', bits] = range.split('/')
    const { address, family, isMapped } = plainAddress(text)
    if (family === undefined) continue
    const prefix = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits) - (isMapped ? 96 : 0)
    // A mapped range wider than all of IPv4 holds all of IPv4.
    list.addSubnet(address, Math.max(0, prefix), family)
  }
  let latest = { text: '', isListed: false }
  return (text) => {
    // Nearly every webhook is from the one PBX.
    if (text !== latest.text) {
      const { address, family } = plainAddress(text)
      latest = { text, isListed: family !== undefined && list.check(address, family) }
    }
    return latest.isListed
  }
}

function plainAddress(text: string): { address: string; family: 'ipv4' | 'ipv6' | undefined; isMapped: boolean } {
  const unscoped = text.split('%')[0] ?? ''
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(unscoped)?.[1]
  const address = mapped ?? unscoped
  const family = ([undefined, 'ipv4', 'ipv6'] as const)[isIP(address) === 0 ? 0 : isIP(address) === 4 ? 1 : 2]
  return { address, family, isMapped: mapped !== undefined }
}

/** User and password are compared as one, as digests of equal length, in constant time, and every pair each time. */
function basicCheck({ username, passwords }: NonNullable<Config['ingress']['credentials']>) {
  // RFC 7617 leaves the encoding open; Python's clients send latin1 where it suffices.
  const digests = passwords.flatMap((password) => {
    const pair = `${username}:${password}`
    return [digest(Buffer.from(pair)), ...(/[\u0100-\uffff]/.test(pair) ? [] : [digest(Buffer.from(pair, 'latin1'))])]
  })
  const latest = createKnownHeader()
  return (authorization = ''): boolean => {
    if (latest.is(authorization)) return true
    const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(authorization)?.[1]
    const given = digest(Buffer.from(encoded ?? '', 'base64'))
    let isRight = false
    for (const expected of digests) isRight = timingSafeEqual(given, expected) || isRight
    if (isRight) latest.keep(authorization)
    return isRight
  }
}

/**
 * The header that was right last: a PBX sends the same each time, and comparing it costs a fifth of digesting it. In constant
 * time, too, over the whole width, so that neither a beginning that is right nor its length can be told from how long it takes.
 */
function createKnownHeader() {
  const known = Buffer.alloc(knownHeaderBytes)
  const asked = Buffer.alloc(knownHeaderBytes)
  let isKnown = false
  // Node reads headers as latin1: a character is a byte.
  const put = (into: Buffer, header: string) => into.fill(0, into.write(header, 'latin1'))
  return {
    is(header: string): boolean {
      if (!isKnown || header.length > knownHeaderBytes) return false
      return timingSafeEqual(put(asked, header), known)
    },
    keep(header: string): void {
      isKnown = header.length <= knownHeaderBytes
      if (isKnown) put(known, header)
    },
  }
}

const knownHeaderBytes = 256

function digest(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer')
}

const forbidden: Refusal = {
  status: 403,
  code: 'BRIDGE_FORBIDDEN',
  message: 'This address may not send webhooks: add it to ALLOWED_IPS (behind a proxy, set TRUST_PROXY too).',
}
const challenge = { 'www-authenticate': 'Basic realm="simotel-bridge", charset="UTF-8"' }
const unauthorized: Refusal = {
  status: 401,
  code: 'BRIDGE_UNAUTHORIZED',
  message:
    'User name or password is missing or wrong: enter SIMOTEL_USERNAME and SIMOTEL_PASSWORD in Simotel’s settings.',
  headers: challenge,
}
const tooMany: Refusal = {
  status: 429,
  code: 'BRIDGE_UNAUTHORIZED',
  message: 'Too many wrong user names or passwords from this address; right ones are taken at any time.',
  headers: { ...challenge, 'retry-after': '60' },
}
