/**
 * What `dead`, `replay` and `discard` have in common: the settings, the queues, errors in one sentence, an exit code.
 */
import { hostname, userInfo } from 'node:os'
import { type Config, loadConfig } from '../../src/config.ts'
import { BridgeError, lastWords } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { addressOf } from '../../src/queue/connection.ts'
import { type OpenQueues, openQueues } from '../../src/queue/queues.ts'
import { upEnv } from '../up/settings.ts'

export type Desk = { readonly queues: OpenQueues; readonly config: Config }

/** Runs `work` on the queues that the settings name, closes them, and gives the exit code: 1 with a sentence if it could not. */
export async function withQueues(work: (desk: Desk) => Promise<number>): Promise<number> {
  let queues: OpenQueues | undefined
  try {
    const config = loadConfig(upEnv(process.env).env)
    const { redis, keys, ingress } = config
    const { sources, timeZones } = ingress
    queues = openQueues({ redis, keys, sources, timeZones, log: createLog({ level: 'silent' }) })
    await queues.ready().catch((error: unknown) => {
      throw unreachable(error, config)
    })
    return await work({ queues, config })
  } catch (error) {
    process.stderr.write(`${lastWords(error)}\n`)
    return 1
  } finally {
    await queues?.close()
  }
}

/** Who acts, for the record. */
export function whoAmI(): string {
  try {
    return `cli:${userInfo().username}@${hostname()}`
  } catch {
    // A container may run under a number that has no name.
    return `cli:${process.getuid?.() ?? 'unknown'}@${hostname()}`
  }
}

function unreachable(error: unknown, config: Config): unknown {
  if (!(error instanceof BridgeError) || error.code !== 'BRIDGE_REDIS_UNAVAILABLE') return error
  return new BridgeError(
    error.code,
    `${error.message} (${addressOf(config.redis)}). REDIS_URL names another; npm run up prints the one it uses.`,
  )
}

/** What is said where no dead letter is meant; it may be the wrong Redis. */
export function noneText(config: Config): string {
  return `No such dead letter at ${addressOf(config.redis)}, KEY_PREFIX=${config.keys.prefix}.\n`
}
