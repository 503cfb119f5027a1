/**
 * A scope: processes and folders of one measurement, all gone when it ends, and when the bench ends in whatever way.
 * Every process is stopped by its id, the one started last first.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type Started = {
  readonly name: string
  readonly pid: number
  /** The next line it writes that is JSON, read. Rejects if it ends before. */
  answer(limitMs?: number): Promise<Record<string, unknown>>
  /** Ends it: SIGTERM, and SIGKILL after `limitMs` (10 s by default). Resolves when it is gone. */
  stop(limitMs?: number): Promise<void>
}

export type StartOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Its output is read for `answer`; by default it goes nowhere. */
  readonly answers?: boolean
  /** Where it runs; here by default. */
  readonly cwd?: string
}

export type Scope = {
  start(name: string, command: string, args: readonly string[], options?: StartOptions): Started
  /** A folder that is removed with the scope. */
  folder(): string
  /** Runs before the processes end, the last one first. */
  before(end: () => Promise<unknown> | undefined): void
  end(): Promise<void>
}

const open = new Set<{ killNow(): void }>()

/** For the last moment of the bench: nothing of any scope is left. */
export function killEverything(): void {
  for (const scope of open) scope.killNow()
}

export function openScope(): Scope {
  const children: { readonly child: ChildProcess; readonly started: Started }[] = []
  const folders: string[] = []
  const ends: (() => Promise<unknown> | undefined)[] = []
  const removeFolders = () => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }
  const self = {
    killNow() {
      for (const { child } of children.splice(0)) if (isRunning(child)) child.kill('SIGKILL')
      removeFolders()
      open.delete(self)
    },
  }
  open.add(self)

  return {
    start(name, command, args, { env = {}, answers = false, cwd } = {}) {
      const child = spawn(command, args, {
        // Settings of whoever runs the bench must not reach what is measured.
        env: { PATH: process.env['PATH'] ?? '', ...env },
        stdio: ['ignore', answers ? 'pipe' : 'ignore', 'pipe'],
        ...(cwd === undefined ? {} : { cwd }),
      })
      const started = watch(name, child)
      children.push({ child, started })
      return started
    },
    folder() {
      const folder = mkdtempSync(join(tmpdir(), 'bridge-bench-'))
      folders.push(folder)
      return folder
    },
    before: (end) => void ends.push(end),
    async end() {
      for (const end of ends.splice(0).reverse()) await end()
      for (const { started } of [...children].reverse()) await started.stop()
      self.killNow()
    },
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function watch(name: string, child: ChildProcess): Started {
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000)
  })
  const answers: Record<string, unknown>[] = []
  let wake = () => {}
  let failure: Error | undefined
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return
      answers.push(JSON.parse(line) as Record<string, unknown>)
      wake()
    })
  }
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = new Error(`${name} cannot be started: ${error.message}`)
      resolve()
    })
    child.once('close', (code, signal) => {
      failure ??= new Error(`${name} ended (${code ?? signal}): ${complaint.trim() || 'without a word'}`)
      resolve()
    })
  }).then(() => wake())

  return {
    name,
    pid: child.pid ?? 0,
    async answer(limitMs = 120_000) {
      const end = performance.now() + limitMs
      for (;;) {
        const next = answers.shift()
        if (next !== undefined) return next
        if (failure !== undefined) throw failure
        const leftMs = end - performance.now()
        if (leftMs <= 0) throw new Error(`${name} says nothing for ${limitMs} ms: ${complaint.trim()}`)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    },
    async stop(limitMs = 10_000) {
      if (isRunning(child)) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      await gone
      clearTimeout(timer)
    },
  }
}
