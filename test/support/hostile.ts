/**
 * What hostile clients do, and what became of it: raw sockets, seeded chance, mutations, the memory of a process, the events in Redis.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { Redis } from 'ioredis'
import type { RawWebhook } from '../../src/event/event.ts'
import { shardKeys } from '../../src/queue/keys.ts'

/** One connection: sends these bytes as they are and gives all that comes back until the answer is whole, or the other side closes. */
export function sendBytes(
  port: number,
  bytes: string | Buffer,
  {
    limitMs = 10_000,
    isEnded = false,
    from = '127.0.0.1',
  }: { limitMs?: number; isEnded?: boolean; from?: string } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', localAddress: from })
    let received = ''
    const done = () => {
      clearTimeout(limit)
      socket.destroy()
      resolve(received)
    }
    const limit = setTimeout(done, limitMs)
    socket.setEncoding('latin1').on('data', (chunk) => {
      received += chunk
      if (!isEnded && /\r\n\r\n\{.*\}$/s.test(received)) done()
    })
    socket.on('error', done).on('close', done)
    socket.on('connect', () => {
      if (isEnded) socket.end(bytes)
      else socket.write(bytes)
    })
  })
}

/** Every status in what came back, and every event id that was acknowledged. */
export function answersIn(received: string): { statuses: number[]; eventIds: string[] } {
  return {
    statuses: [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)),
    eventIds: [...received.matchAll(/"ok":true,"eventId":"([^"]+)"/g)].map(([, eventId = '']) => eventId),
  }
}

/** A POST as bytes. `head` are more lines of the head, each with its line end. */
export function postOf(body: string | Buffer, head = '', path = '/simotel/'): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([
    Buffer.from(`POST ${path} HTTP/1.1\r\nHost: bridge\r\n${head}Content-Length: ${bytes.length}\r\n\r\n`, 'latin1'),
    bytes,
  ])
}

/** A webhook as the bytes of its request. What may not stand in the first line of a request is percent-encoded. */
export function requestOf({ method, path, query, contentType, body }: RawWebhook): Buffer {
  const target = `/simotel${path}${query === '' ? '' : `?${query}`}`.replace(/[^!-~]/gu, (letter) =>
    [...Buffer.from(letter)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  )
  const type = contentType === '' ? '' : `Content-Type: ${contentType}\r\n`
  const bytes = Buffer.from(body)
  const length = method === 'GET' && bytes.length === 0 ? '' : `Content-Length: ${bytes.length}\r\n`
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: bridge\r\n${type}${length}\r\n`, 'latin1'),
    bytes,
  ])
}

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const morsels = [
  '\0',
  '%',
  '%00',
  '%u0041',
  '\ud800',
  '\u202e',
  '{',
  '[',
  '"',
  '\\',
  '\\u0000',
  '&',
  '=',
  '[]',
  '\r\n',
  "'",
  '__proto__',
  '[__proto__][x]=1',
  'None',
  '-0',
  '1e999',
  '𐄀',
  '؟',
  'NaN',
  '}',
  ']',
  ',',
  '((((((((',
].map((text) => Buffer.from(text))

/** These bytes with a few of them changed, removed, doubled, moved, or strange ones put in. */
export function mutated(bytes: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit)
  let result = bytes
  for (let turn = 1 + below(6); turn > 0; turn -= 1) {
    const at = below(result.length + 1)
    const length = below(1 + Math.min(64, result.length - at))
    const [before, piece, after] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ]
    const kinds = [
      () => [before, after],
      () => [before, piece, piece, piece, after],
      () => [after, piece, before],
      () => [before, Buffer.from([below(256)]), after],
      () => [before, morsels[below(morsels.length)] ?? piece, piece, after],
      () => [before, Buffer.from(Array.from({ length }, () => below(256))), after],
      () => [before, Buffer.alloc(below(2_000), morsels[below(morsels.length)]), after],
    ]
    result = Buffer.concat(kinds[below(kinds.length)]?.() ?? [])
  }
  return result
}

/** Memory of a process that is in use, in megabytes. */
export function rssOf(pid: number): number {
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024
  }
  return Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout) / 1_024
}

/**
 * How long the loop of a process has run on a CPU since its start, in milliseconds: however busy the machine, what one
 * request adds is the most it can have kept others waiting. Undefined where the system does not say (Linux does).
 */
export function loopTimeOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1_000_000
  } catch {
    return undefined
  }
}

/** The ids of all events that Redis took under this prefix. */
export async function eventsIn(redis: Redis, prefix: string): Promise<Set<string>> {
  const ids = new Set<string>()
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${shardKeys(prefix, 0).call('')}*`, 'COUNT', 1_000)
    cursor = next
    const lanes = await Promise.all(keys.map((key) => redis.zrange(key, '0', '-1')))
    for (const id of lanes.flat()) ids.add(id)
  } while (cursor !== '0')
  return ids
}
