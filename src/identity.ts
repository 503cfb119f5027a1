/**
 * Identity: what a process is, for those who see several of them: kind, version, machine, an id new with each start.
 */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'

export type Identity<K extends string> = {
  readonly kind: K
  readonly id: string
  readonly version: string
  readonly host: string
  readonly pid: number
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** The identity of this process from now on; asked again it is another. */
export function identityOf<const K extends string>(kind: K): Identity<K> {
  return { kind, id: randomUUID(), version: readVersion(), host: hostname(), pid: process.pid, startedAt: Date.now() }
}

/** The version as package.json has it, from source and from dist; `unknown` if that is not there. */
function readVersion(): string {
  for (const up of ['..', '../..']) {
    const file = new URL(`${up}/package.json`, import.meta.url)
    if (!existsSync(file)) continue
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: string }
    return version ?? 'unknown'
  }
  return 'unknown'
}
