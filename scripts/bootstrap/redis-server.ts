/**
 * One Redis server process: start it, ask whether it answers, end it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ping } from './ask.ts'
import { type Claim, identityOf, isAlive, noteRedis, type ProcessIdentity } from './claim.ts'
import type { Say } from './redis-binary.ts'

export type Server = NonNullable<Claim['redis']>

/**
 * Starts `binary` on a free port of the loopback, durable as production is, its data and log in `folder`.
 * @throws Error with the end of its log if it does not start.
 */
export async function startServer(folder: string, binary: string, say: Say): Promise<Server> {
  const logFile = join(folder, 'redis.log')
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    const child = spawnServer(binary, folder, port, logFile)
    const died = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`))
    })
    const identity = child.pid === undefined ? undefined : identityOf(child.pid)
    // Noted before it answers: whoever comes after a crash in between must find it.
    if (identity !== undefined) noteRedis(folder, { ...identity, port })
    const ready = await Promise.race([answers(port, say), died])
    child.unref()
    if (ready === undefined && identity !== undefined) return { ...identity, port }
    const lines = lastLines(logFile)
    if (lines.includes('Address already in use') && tries < 5) continue
    if (identity !== undefined && isAlive(identity)) await endServer(identity, say)
    throw new Error(`${binary} did not start (${ready}); the end of ${logFile}:\n${lines}`)
  }
}

function spawnServer(binary: string, folder: string, port: number, logFile: string): ChildProcess {
  const options = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    // An event is kept in one piece of memory, not in fourteen. The older name: Redis 6 knows no other, later ones know both.
    'hash-max-ziplist-value': '2048',
    daemonize: 'no',
  }
  const log = openSync(logFile, 'w', 0o600)
  try {
    return spawn(
      binary,
      Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
      // A locale that this machine lacks ends Redis 7.
      { detached: true, stdio: ['ignore', log, log], env: { ...process.env, LC_ALL: 'C' } },
    )
  } finally {
    closeSync(log)
  }
}

/** Resolves once the server answers; loading a long log can take a while, so it waits as long as the process lives. */
async function answers(port: number, say: Say): Promise<undefined> {
  const since = performance.now()
  for (let said = false; (await ping(`redis://127.0.0.1:${port}`, 1_000)) !== undefined; await pause(50)) {
    if (said || performance.now() - since < 3_000) continue
    said = true
    say('Waiting for Redis to load its data.')
  }
  return undefined
}

/** Asks the process to end and waits for it; after 10 s it is killed, which `appendfsync always` makes safe. */
export async function endServer(identity: ProcessIdentity, say: Say): Promise<void> {
  const signal = (name: NodeJS.Signals) => {
    if (isAlive(identity)) process.kill(identity.pid, name)
  }
  const gone = async (limitMs: number) => {
    const end = performance.now() + limitMs
    while (isAlive(identity) && performance.now() < end) await pause(20)
    return !isAlive(identity)
  }
  signal('SIGTERM')
  signal('SIGCONT')
  if (await gone(10_000)) return
  say(`Redis (process ${identity.pid}) does not end: killing it.`)
  signal('SIGKILL')
  await gone(5_000)
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
}

/** A TCP port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
