/**
 * Real Redis servers for tests: the suite's one (REDIS_URL, set by `npm test`), or one of a test's own that it may kill.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { waitFor } from './wait.ts'

/** The suite's Redis. `npm test` starts it; a single file run by hand needs REDIS_URL. */
export function suiteRedisUrl(): string {
  const url = process.env['REDIS_URL']
  if (!url) throw new Error('REDIS_URL is not set: run the tests with `npm test`, or set it to a Redis made for tests.')
  return url
}

/** A key prefix nobody else uses, so that tests run in any order and side by side on one Redis. */
export function uniquePrefix(): string {
  return `test-${randomBytes(6).toString('hex')}`
}

/** A plain client of the suite's Redis (or of `url`) for looking at state; closed when the test ends. */
export function inspect(t: TestContext, url: string = suiteRedisUrl()): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: null })
  client.on('error', () => {})
  t.after(() => client.disconnect())
  return client
}

/** Deletes every key under `prefix` when the test ends. */
export function cleanUp(t: TestContext, prefix: string, url: string = suiteRedisUrl()): void {
  t.after(async () => {
    const client = new Redis(url)
    try {
      let cursor = '0'
      do {
        const [next, keys] = await client.scan(cursor, 'MATCH', `{${prefix}:*`, 'COUNT', 1000)
        if (keys.length > 0) await client.unlink(...keys)
        cursor = next
      } while (cursor !== '0')
    } finally {
      client.disconnect()
    }
  })
}

/** What is to end before a server of a test's own does: a worker cannot stop politely without its Redis. */
const endsFirst = new Map<string, (() => Promise<unknown>)[]>()

/** Runs `end` when the test ends, and before the Redis at `url` (of any account) is killed, if it is the test's own. */
export function atEnd(t: TestContext, url: string, end: () => Promise<unknown>): void {
  const ends = endsFirst.get(url.replace(/\/\/[^@/]*@/, '//'))
  if (ends === undefined) t.after(end)
  else ends.push(end)
}

/** Runs `end` when the test ends, but only after everything that `atEnd` was given for `url`. */
export function lastAtEnd(t: TestContext, url: string, end: () => Promise<unknown> | undefined): void {
  endsFirst.set(url, [])
  t.after(async () => {
    for (const first of endsFirst.get(url) ?? []) await first()
    endsFirst.delete(url)
    await end()
  })
}

export type OwnRedis = {
  readonly url: string
  readonly port: number
  readonly dir: string
  /** Sends a signal to the server: SIGKILL, SIGSTOP, SIGCONT. */
  kill(signal: NodeJS.Signals): void
  /** Starts it again on the same port and data after it died. Resolves when it answers. */
  restart(): Promise<void>
  /** Waits until the process is gone. */
  died(): Promise<void>
}

/** A Redis of the test's own, with `appendonly yes`, `appendfsync always`, `noeviction`; killed and removed when the test ends. */
export async function startRedis(t: TestContext, ...args: readonly string[]): Promise<OwnRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn(
      process.env['REDIS_SERVER'] || 'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--dir',
        dir,
        '--save',
        '',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--maxmemory-policy',
        'noeviction',
        '--daemonize',
        'no',
        ...args,
      ],
      { stdio: 'ignore' },
    )
    await waitFor(async () => {
      const probe = new Redis(port, '127.0.0.1', {
        lazyConnect: true,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
      })
      probe.on('error', () => {})
      try {
        await probe.connect()
        return (await probe.ping()) === 'PONG'
      } catch {
        return false
      } finally {
        probe.disconnect()
      }
    })
  }
  const died = async () => {
    const server = child
    if (server && server.exitCode === null && server.signalCode === null)
      await new Promise((resolve) => server.once('exit', resolve))
  }
  const url = `redis://127.0.0.1:${port}`
  t.after(() => void child?.kill('SIGCONT'))
  lastAtEnd(t, url, async () => {
    child?.kill('SIGKILL')
    await died()
    await rm(dir, { recursive: true, force: true })
  })
  await start()
  return {
    url,
    port,
    dir,
    kill: (signal) => void child?.kill(signal),
    restart: start,
    died,
  }
}

/**
 * A TCP port that was free a moment ago, below those that connections are given: a server that is to come back on its port would
 * find one of them there, or a client that tried to reach it while it was away and met itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}
