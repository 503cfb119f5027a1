/**
 * One process of the bridge, run from source: started, watched, restarted when it ends by itself, stopped by a drain.
 * It has a process group of its own, so a Ctrl-C in the terminal reaches it only as the drain that `up` asks for.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { killGroup } from '../bootstrap/process-group.ts'
import { type LogRecord, readLines } from './log-lines.ts'

export type SupervisedOptions = {
  readonly name: string
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  /** Whether it is ready, asked again and again; `said` holds the messages it has logged since it started. */
  readonly isReady: (said: ReadonlySet<string>) => boolean | Promise<boolean>
  readonly onLine: (line: LogRecord | string) => void
  readonly say: (line: string) => void
  /** A drain that takes longer is cut short. */
  readonly stopLimitMs: number
}

export type Supervised = {
  readonly name: string
  /**
   * Resolves when it is ready.
   * @throws Error if it ends before.
   */
  start(): Promise<void>
  /** Drains it, then starts it anew; throws as `start` does. */
  restart(): Promise<void>
  /** Drains it for good; true if it ended by itself with 0 within the limit, or did not run. */
  close(): Promise<boolean>
  /** Ends it at once. */
  kill(): void
}

type Run = { readonly child: ChildProcess; readonly ended: Promise<string>; isReady: boolean; isWanted: boolean }

const readyLimitMs = 60_000
const cleanEnd = 'exit code 0'
const leash = new URL('leash.mjs', import.meta.url).href

/** A process that is not started yet. */
export function supervise(options: SupervisedOptions): Supervised {
  const { name, say } = options
  let run: Run | undefined
  let isClosed = false

  const start = async () => {
    if (isClosed) return
    const said = new Set<string>()
    const current = launch(options, said)
    run = current
    void current.ended.then((how) => {
      if (run === current) run = undefined
      if (current.isReady && current.isWanted) void startAgain(how)
    })
    await untilReady(options, current, said)
  }
  const startAgain = async (how: string) => {
    say(`The ${name} ended (${how}): starting it again.`)
    await pause(500)
    if (run === undefined)
      await start().catch((error: Error) => say(`${error.message} A changed file starts it again.`))
  }
  const drain = async () => {
    const current = run
    if (current === undefined) return true
    current.isWanted = false
    current.child.kill('SIGTERM')
    const limit = new AbortController()
    const tooLong = pause(options.stopLimitMs, undefined, { signal: limit.signal }).catch(() => undefined)
    const how = await Promise.race([current.ended, tooLong])
    limit.abort()
    // Before it was ready it had taken nothing, and had no drain to end a signal with.
    if (how !== undefined) return how === cleanEnd || !current.isReady
    say(`The ${name} did not end within ${options.stopLimitMs} ms: killing it. Its events run again at the next start.`)
    killGroup(current.child)
    await current.ended
    return false
  }
  return {
    name,
    start,
    restart: async () => {
      await drain()
      await start()
    },
    close: () => {
      isClosed = true
      return drain()
    },
    kill: () => {
      if (run === undefined) return
      run.isWanted = false
      killGroup(run.child)
    },
  }
}

function launch({ script, env, onLine }: SupervisedOptions, said: Set<string>): Run {
  const child = spawn(process.execPath, ['-C', 'source', '--import', 'tsx', '--import', leash, script], {
    detached: true,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const take = (line: LogRecord | string) => {
    // Only what a start says is of interest; a log of days is not to be kept.
    if (typeof line !== 'string' && said.size < 200) said.add(String(line['msg']))
    onLine(line)
  }
  if (child.stdout) readLines(child.stdout, take)
  if (child.stderr) readLines(child.stderr, take)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  return { child, ended, isReady: false, isWanted: true }
}

async function untilReady({ name, isReady }: SupervisedOptions, run: Run, said: ReadonlySet<string>): Promise<void> {
  let how: string | undefined
  void run.ended.then((text) => {
    how = text
  })
  const limit = performance.now() + readyLimitMs
  while (!(await isReady(said))) {
    await Promise.race([run.ended, pause(30)])
    if (how !== undefined) throw new Error(`The ${name} did not start (${how}): its lines above say why.`)
    if (performance.now() > limit)
      throw new Error(`The ${name} is not ready after ${readyLimitMs} ms: see its lines above.`)
  }
  run.isReady = true
}
