/**
 * What was asked of `up` on the command line.
 */
import { parseArgs } from 'node:util'

export type UpOptions = {
  /** Calls to play through it; 0 for none. */
  readonly simulate: number
  /** Ends when the calls have been processed. */
  readonly once: boolean
}

export const help = `Usage: npm run up [-- --simulate N [--once]]

  Runs the whole bridge on this machine: ingress, worker and admin with readable logs, restarted when a file in src or in
  the folder of processors changes, on the Redis of REDIS_URL or on one of its own. Ctrl-C drains and stops all of it.
  Settings come from the environment and from .env; .env.example lists them.

  --simulate N  plays N calls through it and says what happened to each event
  --once        then ends: with 0 if every event was processed, else with 1
  --help        prints this
`

/**
 * The options of a command line, or 'help' if it asks for that.
 * @throws Error with a sentence and the help for anything that is not an option.
 */
export function parseUpOptions(args: readonly string[]): UpOptions | 'help' {
  let values: { simulate?: string; once?: boolean; help?: boolean }
  try {
    values = parseArgs({
      args: [...args],
      options: {
        simulate: { type: 'string' },
        once: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${help}`)
  }
  const { simulate, once = false } = values
  if (values.help) return 'help'
  if (simulate !== undefined && !/^[1-9]\d{0,5}$/.test(simulate)) {
    throw new Error(`--simulate ${simulate}: give a number of calls from 1 to 999999.\n\n${help}`)
  }
  if (once && simulate === undefined)
    throw new Error(`--once needs --simulate N: it ends when N calls are done.\n\n${help}`)
  return { simulate: Number(simulate ?? 0), once }
}
