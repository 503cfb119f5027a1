/**
 * A checkout of its own for tests of `up` and `npm test`: the real sources in a temporary folder, with its own workers,
 * its own .data, and the installed packages of this one. What the test leaves running is ended, and is a failure.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { remembered } from '../../scripts/up/type-check.ts'
import { freePort } from '../support/redis.ts'
import { waitFor } from '../support/wait.ts'

export type Checkout = {
  readonly dir: string
  /** Writes a file below it. */
  write(path: string, text: string): void
  read(path: string): string
  /** Starts `node scripts/bootstrap.mjs ARGS`, or `npm ARGS` if the first one is `npm`. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Running
}

export type Running = {
  readonly pid: number
  /** All it printed so far. */
  readonly output: string
  readonly port: number
  kill(signal: NodeJS.Signals): void
  /** Waits until it has printed a match; fails at once if it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Its exit code, once it and what holds its output have ended. */
  ended(): Promise<number | null>
}

/** What the compiler remembered in a checkout that is gone: the next one of this process has the same sources. */
let lastRemembered: Buffer | undefined

const sources = ['src', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'workers/any.ts']

/** A checkout that is removed when the test ends. `workers/any.ts` is its only processor. */
export function checkout(t: TestContext): Checkout {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'bridge-checkout-')))
  for (const source of sources) cpSync(source, join(dir, source), { recursive: true })
  symlinkSync(resolve('node_modules'), join(dir, 'node_modules'), 'dir')
  const types = join(dir, remembered)
  if (lastRemembered !== undefined) {
    mkdirSync(dirname(types), { recursive: true })
    writeFileSync(types, lastRemembered)
  }
  const started: Running[] = []
  t.after(async () => {
    for (const one of started) one.kill('SIGKILL')
    const left = processesIn(dir)
    for (const pid of left) process.kill(pid, 'SIGKILL')
    await Promise.all(started.map((one) => one.ended()))
    if (existsSync(types)) lastRemembered = readFileSync(types)
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })
  return {
    dir,
    write: (path, text) => {
      mkdirSync(join(dir, path, '..'), { recursive: true })
      writeFileSync(join(dir, path), text)
    },
    read: (path) => readFileSync(join(dir, path), 'utf8'),
    run: (args, env = {}) => {
      const one = start(dir, args, env)
      started.push(one)
      return one
    },
  }
}

/** Ports of its own; `up` is never left to the defaults, which may be taken on a developer's machine. */
export async function upEnv(more: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
  return {
    INGRESS_PORT: String(await freePort()),
    INGRESS_HOST: '127.0.0.1',
    ADMIN_PORT: String(await freePort()),
    ...more,
  }
}

/** Processes that work in a checkout, Redis included. */
export function processesIn(dir: string): number[] {
  const lines = execFileSync('sh', ['-c', `ls -l /proc/[0-9]*/cwd 2>/dev/null || lsof -d cwd -Fpn 2>/dev/null`], {
    encoding: 'utf8',
  }).split('\n')
  if (process.platform !== 'linux') {
    const pids = lines.flatMap((line, at) => (lines[at + 2]?.startsWith(`n${dir}`) ? [Number(line.slice(1))] : []))
    return pids.filter((pid) => pid !== process.pid)
  }
  return lines.filter((line) => line.includes(` -> ${dir}`)).map((line) => Number(/\/proc\/(\d+)\/cwd/.exec(line)?.[1]))
}

/** Asserts that nothing runs in a checkout any more. */
export async function nothingRuns(dir: string): Promise<void> {
  await waitFor(() => processesIn(dir).length === 0, { what: `no process in ${dir}, Redis included`, limitMs: 10_000 })
  assert.deepEqual(processesIn(dir), [])
}

function start(dir: string, args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const [program, ...rest] =
    args[0] === 'npm' ? ['npm', ...args.slice(1)] : [process.execPath, 'scripts/bootstrap.mjs', ...args]
  const child: ChildProcess = spawn(program as string, rest, { cwd: dir, env: cleanEnv(env) })
  let output = ''
  const take = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  const ended = new Promise<number | null>((done, reject) => {
    child.once('error', reject)
    child.once('close', done)
  })
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  return {
    pid: child.pid ?? 0,
    get output() {
      return output
    },
    port: Number(env['INGRESS_PORT'] ?? 0),
    kill: (signal) => void child.kill(signal),
    ended: () => ended,
    printed: async (pattern) => {
      const found = await waitFor(() => pattern.exec(output) ?? (hasEnded ? ('ended' as const) : undefined), {
        what: `${pattern} in:\n${output}`,
        limitMs: 60_000,
      })
      if (found === 'ended') throw new Error(`ended without printing ${pattern}:\n${output}`)
      return found
    },
  }
}

/** As a shell on a developer's machine: no Redis named, nothing of the test runner that runs this. */
function cleanEnv(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|REDIS_|CI$)/.test(name))
  return { ...Object.fromEntries(own), ...env }
}
