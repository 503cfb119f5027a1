/**
 * Tells which source files changed. By looking, not by the system's notices: those miss renames, mounts and network disks.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const everyMs = 400
const source = /\.(ts|mts|js|mjs|json)$/
const isTest = /\.test\.[^.]+$/

/**
 * Calls `changed` with the files below `folders` that came, went or changed, once a whole look has found no more of them,
 * and waits for it. Ends when `signal` aborts.
 */
export async function watch(
  folders: readonly string[],
  changed: (files: readonly string[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let known = look(folders)
  let pending = new Set<string>()
  while (!signal.aborted) {
    await pause(everyMs, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted) return
    const now = look(folders)
    const news = differences(known, now)
    known = now
    for (const file of news) pending.add(file)
    if (news.length > 0 || pending.size === 0) continue
    const files = [...pending].sort()
    pending = new Set()
    await changed(files)
  }
}

/** Files of which only one side knows, or which differ. */
export function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const all = new Set([...before.keys(), ...after.keys()])
  return [...all].filter((file) => before.get(file) !== after.get(file))
}

function look(folders: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const folder of folders) {
    for (const name of list(folder)) {
      const path = join(folder, name)
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isFile()) found.set(path, `${stat.mtimeMs} ${stat.size}`)
    }
  }
  return found
}

function list(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names.filter((name) => source.test(name) && !isTest.test(name) && !name.includes('node_modules'))
  } catch {
    // Gone, or changed while it was read: the next look finds it.
    return []
  }
}
