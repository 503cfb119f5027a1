/**
 * What the kernel tells of this machine and of single processes. Linux only: everything is read from /proc.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { medianOf, shareOf } from '../statistics.ts'

/** USER_HZ, in which /proc counts CPU time: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

export type Machine = {
  readonly cpus: number
  readonly model: string
  readonly memoryBytes: number
  readonly node: string
  readonly redis: string
  /** How long the disk takes to keep a small write, in the median: no durable ack is faster. */
  readonly diskMs: number
  /**
   * How fast the processor is in the slowest hundredth of short whiles, as a share of its usual speed. A host that gives and takes
   * makes it small without any load showing, and latencies at the 99th percentile long. Not in results of before 2026-11-27.
   */
  readonly slowestSpeed?: number
}

/** @throws Error as redisVersion does. */
export function describeMachine(): Machine {
  const all = cpus()
  const version = redisVersion()
  return {
    cpus: all.length,
    model: all[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
    redis: /v=(\S+)/.exec(version)?.[1] ?? version.trim(),
    diskMs: diskMs(),
    slowestSpeed: slowestSpeed(),
  }
}

/** @throws Error that says what to do, if there is none. */
export function redisVersion(): string {
  const program = process.env['REDIS_SERVER'] || 'redis-server'
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' })
  } catch (cause) {
    const advice =
      'The bench starts a Redis of its own for each measurement: install redis-server, or name it in REDIS_SERVER.'
    throw new Error(`${program} cannot be run. ${advice}`, { cause })
  }
}

function diskMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-bench-'))
  const file = openSync(join(folder, 'disk'), 'w')
  const times = Array.from({ length: 100 }, () => {
    const startedAt = performance.now()
    writeSync(file, 'x'.repeat(1_000))
    fdatasyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return medianOf(times)
}

/** A loop that never waits, timed in pieces of about 20 ms for three seconds. */
function slowestSpeed(): number {
  const pieceMs = 20
  const pieces: number[] = []
  let value = 1
  const compute = () => {
    for (let turn = 0; turn < 20_000; turn += 1) value = (Math.imul(value, 1_103_515_245) + 12_345) | 0
  }
  for (let turn = 0; turn < 500; turn += 1) compute()
  const endsAt = performance.now() + 3_000
  while (performance.now() < endsAt) {
    const startedAt = performance.now()
    let rounds = 0
    for (; performance.now() - startedAt < pieceMs; rounds += 1) compute()
    pieces.push(rounds / (performance.now() - startedAt))
  }
  return shareOf(pieces, 0.01) / medianOf(pieces)
}

/** Seconds of CPU that a process has used, in user and kernel together. `withChildren`: and those of its that have ended. */
export function cpuSecondsOf(pid: number | 'self', withChildren = false): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // proc(5): behind the name, which may hold anything, field 3 comes first; 14 to 17 are utime, stime, cutime, cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, withChildren ? 15 : 13).reduce((sum, field) => sum + Number(field), 0)
  return ticks / ticksPerSecond
}

/** Bytes of memory that a process holds now. */
export function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1_024
}

/** Seconds of CPU, over all cores, that the machine was busy and that its host took from it. */
function machineSeconds(): { readonly busy: number; readonly stolen: number } {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  )
    .split(/ +/)
    .map(Number)
  return { busy: (user + nice + system + irq + softIrq) / ticksPerSecond, stolen: stolen / ticksPerSecond }
}

/** In cores: what others used of the machine meanwhile, and what its host did not give it. */
export type OtherLoad = { readonly otherCores: number; readonly stolenCores: number }

/** Starts to watch. Call the answer once every process that was started since has ended: only then are they told from others. */
export function watchOthers(): () => OtherLoad {
  const startedAt = performance.now()
  const before = machineSeconds()
  const oursBefore = cpuSecondsOf('self', true)
  return () => {
    const seconds = (performance.now() - startedAt) / 1_000
    const { busy, stolen } = machineSeconds()
    const others = busy - before.busy - (cpuSecondsOf('self', true) - oursBefore)
    return { otherCores: Math.max(0, others / seconds), stolenCores: (stolen - before.stolen) / seconds }
  }
}
