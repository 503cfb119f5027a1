/**
 * Real processes of the bridge, with their log lines read as they come.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { waitFor } from './wait.ts'

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

export type BridgeProcess = {
  readonly pid: number
  /** Log lines so far, oldest first; a line that is no JSON stands under `text`. */
  readonly lines: readonly LogLine[]
  kill(signal: NodeJS.Signals): void
  /** Resolves when the process is gone: its exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals | null>
  /** Waits for a log line of which `isIt` holds. */
  line(isIt: (line: LogLine) => boolean, what?: string): Promise<LogLine>
}

/** Whether `dist` is that of these sources: `npm test` has built it then. A test file that is run by itself starts the sources. */
export const isBuilt = process.env['TEST_BUILT'] === 'true'

/**
 * Starts the process `name` as the image does, from `dist`; a worker through tsx, since processors of tests are not in `dist`. Killed
 * when the test ends, if it still runs.
 */
export function startProcess(
  t: TestContext,
  name: 'ingress' | 'worker' | 'admin',
  env: Record<string, string>,
): BridgeProcess {
  if (!isBuilt) return startScript(t, `src/main/${name}.ts`, env)
  const loader = name === 'worker' ? ['--import', 'tsx'] : []
  return startNode(t, [...loader, '--enable-source-maps', `dist/src/main/${name}.js`], env)
}

/** Starts any file of the checkout from source. Killed when the test ends, if it still runs. */
export function startScript(t: TestContext, file: string, env: Record<string, string>): BridgeProcess {
  return startNode(t, ['-C', 'source', '--import', 'tsx', file], env)
}

function startNode(t: TestContext, args: readonly string[], env: Record<string, string>): BridgeProcess {
  const file = args.at(-1) ?? ''
  // A spool of its own: what another test left on disk must not drain into this one.
  const spool = mkdtempSync(join(tmpdir(), 'bridge-spool-'))
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('NODE_TEST')))
  const child: ChildProcess = spawn(process.execPath, args, {
    env: { ...inherited, LOG_LEVEL: 'info', SPOOL_DIR: spool, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: LogLine[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (text) => lines.push(parse(text)))
  }
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null)
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await exit
    }
    rmSync(spool, { recursive: true, force: true })
  })
  return {
    pid: child.pid ?? 0,
    lines,
    kill: (signal) => void child.kill(signal),
    exit,
    line: (isIt, what = isIt.toString()) =>
      waitFor(() => lines.find(isIt), {
        what: `a log line of ${file}: ${what}; last lines: ${JSON.stringify(lines.slice(-3))}`,
      }),
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { text }
  }
}
