/**
 * The Redis of `up` and `npm test`: the one that REDIS_URL names, else a server of their own on a free port.
 * Never a server that nobody named, even if one listens on 6379. What we started, or found left by an `up` that
 * crashed, we stop: last, by SIGTERM, its data kept.
 */
import { realpathSync } from 'node:fs'
import { dataFolder, ping } from './ask.ts'
import { type Claim, claim, isAlive, noteRedis, release } from './claim.ts'
import type { Say } from './redis-binary.ts'
import { endServer, type Server, startServer } from './redis-server.ts'

export type ProvidedRedis = {
  readonly url: string
  /** Stops the server if it is ours; safe to call twice. */
  stop(): Promise<void>
}

/**
 * The server that REDIS_URL names.
 * @throws Error with a sentence if it does not answer, or refuses us.
 */
export async function namedRedis(url: string, command: string, tlsCa?: string): Promise<ProvidedRedis> {
  const refusal = await ping(url, 5_000, tlsCa)
  if (refusal !== undefined) {
    throw new Error(
      `REDIS_URL=${withoutPassword(url)} does not answer (${refusal}): start that server or correct REDIS_URL; with REDIS_URL unset, ${command} runs a Redis of its own.`,
    )
  }
  return { url, stop: async () => {} }
}

/**
 * A server of our own with its data in `folder`, which one process owns at a time.
 * It runs in a process group of its own, so Ctrl-C reaches it only through `stop`.
 * @throws Error with a sentence if another process owns the folder, or the server does not start.
 */
export async function ownRedis(folder: string, findBinary: () => Promise<string>, say: Say): Promise<ProvidedRedis> {
  const claimed = claim(folder)
  if (claimed.taken !== undefined) {
    throw new Error(
      `Another \`npm run up\` (process ${claimed.taken.owner.pid}) runs on ${folder}: stop it first, or give this one a Redis of its own by REDIS_URL.`,
    )
  }
  try {
    const left = await takeOver(folder, claimed.before, say)
    const redis = left ?? (await startServer(folder, await findBinary(), say))
    noteRedis(folder, redis)
    let stopping: Promise<void> | undefined
    const stop = async () => {
      await endServer(redis, say)
      release(folder)
    }
    return {
      url: `redis://127.0.0.1:${redis.port}`,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    release(folder)
    throw error
  }
}

/** Ends whatever server a dead owner left on `folder`. */
export async function endLeftRedis(left: Claim, say: Say): Promise<void> {
  if (left.redis !== undefined && isAlive(left.redis)) await endServer(left.redis, say)
}

async function takeOver(folder: string, before: Claim | undefined, say: Say): Promise<Server | undefined> {
  if (before?.redis === undefined || !isAlive(before.redis)) return undefined
  const { pid, port } = before.redis
  if (
    (await ping(`redis://127.0.0.1:${port}`, 2_000)) === undefined &&
    (await dataFolder(`redis://127.0.0.1:${port}`)) === realpathSync(folder)
  ) {
    say(`An earlier run ended without stopping its Redis (process ${pid}): using that one.`)
    return before.redis
  }
  say(
    `An earlier run left a Redis (process ${pid}) that does not answer: stopping it and starting another on its data.`,
  )
  await endServer(before.redis, say)
  return undefined
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/\s]*@/, '//***@')
}
