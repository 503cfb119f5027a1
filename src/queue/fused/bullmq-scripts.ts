/**
 * BullMQ's own scripts: those that ours were written after, and the one that stands in ours. They are no public interface, so their sums are known and checked
 * before anything runs: another text might lose the order of a lane (docs/adr/0010).
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { z } from 'zod'
import { BridgeError } from '../../errors.ts'

/** SHA-256 of the scripts of bullmq 6.7.0, read before they were recorded here. */
const knownSums = {
  addStandardJob: '2eee45c9ffc54d24681b737f926016a7f7464f0d32a5f87f623bffa2fc55413c',
  moveToFinished: '8e744ec5d65dbe9e7ffb6e39a96c0268bba65e4f0b1d04e2d2a42ccb71b45a6d',
  moveToActive: '7d35069db0b831af1bd1b2d5eb8d524e86fc7d3280b8c684a96b6614bad7d79a',
} as const

type ScriptName = keyof typeof knownSums

const scriptNames = Object.keys(knownSums) as ScriptName[]

const scriptText = z.object({ content: z.string(), keys: z.number() })

export type BullmqScripts = Readonly<Record<ScriptName, string>>

/** What bullmq is installed and what its scripts say. */
export function installedScripts(): { version: string; scripts: BullmqScripts } {
  const require = createRequire(import.meta.url)
  const { version } = z.object({ version: z.string() }).parse(require('bullmq/package.json'))
  const modules = require('bullmq/dist/cjs/scripts/index.js') as Record<string, unknown>
  const scripts = Object.fromEntries(
    scriptNames.map((name) => [name, scriptText.safeParse(modules[name]).data?.content ?? '']),
  )
  return { version, scripts: scripts as BullmqScripts }
}

/**
 * The scripts, if they are the very ones this code was written for.
 * @throws BridgeError BRIDGE_BULLMQ_VERSION that says what to do, if any of them has another text.
 */
export function checkedScripts(installed = installedScripts()): BullmqScripts {
  const foreign = scriptNames.filter((name) => sumOf(installed.scripts[name]) !== knownSums[name])
  if (foreign.length > 0) {
    throw new BridgeError(
      'BRIDGE_BULLMQ_VERSION',
      `The installed bullmq ${installed.version} has another text of ${foreign.join(', ')} than the 6.7.0 this version was tested with: run \`npm ci\` to get the pinned one back (how to move to another: docs/adr/0010).`,
    )
  }
  return installed.scripts
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Lua that defines `local function name(KEYS, ARGV)` with BullMQ's script as its body. */
export function inlined(name: string, script: string): string {
  return `local function ${name}(KEYS, ARGV)\n${script}\nend\n`
}
