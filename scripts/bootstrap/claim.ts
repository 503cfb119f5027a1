/**
 * One owner per data folder: two Redis servers on the same files would destroy them.
 * The claim is a file naming its owner and the Redis it runs; a claim whose owner died is taken over, Redis included.
 */
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A process, told apart from a later one with the same id by when it started. */
export type ProcessIdentity = { readonly pid: number; readonly started: string }

export type Claim = {
  readonly owner: ProcessIdentity
  /** The server that runs on the folder, once there is one. */
  readonly redis?: ProcessIdentity & { readonly port: number }
}

const fileName = 'owner.json'

/** Who the process `pid` is; undefined if there is none (or only its exit status, waiting to be read). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // proc(5): field 3 is the state, field 22 the start in ticks since boot.
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, started: fields[19] ?? '' }
    } catch {
      return undefined
    }
  }
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return started === '' ? undefined : { pid, started }
  } catch {
    return undefined
  }
}

/** Whether that very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started
}

/** The claim on `folder`; undefined if there is none or it cannot be read. */
export function readClaim(folder: string): Claim | undefined {
  return parse(join(folder, fileName))
}

/**
 * Makes this process the owner of `folder`, which is created if need be.
 * `taken` is the living owner if there is one; else the folder is ours, and `before` is the claim of an owner that died.
 */
export function claim(folder: string): { taken: Claim } | { taken: undefined; before: Claim | undefined } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, fileName)
  let before: Claim | undefined
  for (;;) {
    // The server a dead owner left stays on record until it is taken over or stopped.
    const ours = write(folder, { owner: self(), ...(before?.redis && { redis: before.redis }) })
    try {
      linkSync(ours, path)
      return { taken: undefined, before }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(ours, { force: true })
    }
    const found = readClaim(folder)
    if (found !== undefined && isAlive(found.owner)) return { taken: found }
    before = found ?? before
    removeStale(path)
  }
}

/** Notes in our claim which Redis runs on the folder. */
export function noteRedis(folder: string, redis: NonNullable<Claim['redis']>): void {
  renameSync(write(folder, { owner: self(), redis }), join(folder, fileName))
}

/** Gives the folder free for the next owner. */
export function release(folder: string): void {
  rmSync(join(folder, fileName), { force: true })
}

function self(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, started: '' }
}

function write(folder: string, content: Claim): string {
  const path = join(folder, `${fileName}.${process.pid}`)
  writeFileSync(path, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  return path
}

/** Moves a dead claim away; puts it back if, in between, somebody living had replaced it. */
function removeStale(path: string): void {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
    const moved = parse(aside)
    if (moved !== undefined && isAlive(moved.owner)) linkSync(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(String((error as NodeJS.ErrnoException).code))) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function parse(path: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
