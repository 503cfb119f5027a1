/**
 * What a disk has to be told so that a file is still there after the power failed, and how its refusals read.
 */
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Folders of the spool are for its owner alone, and so are its files. */
export const folderMode = 0o700
export const fileMode = 0o600

/** ENOSPC and the like; undefined for what is no error of the system. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Makes the names in a folder durable: those of files created, renamed or removed. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Puts a small file in place in one step: readers see the old content or the new. `isDurable`: it has survived a power
 * failure once this resolves; else only the death of this process.
 */
export async function replaceFile(path: string, content: string | Buffer, isDurable: boolean): Promise<void> {
  const draft = `${path}.new`
  try {
    const handle = await open(draft, 'w', fileMode)
    try {
      await handle.writeFile(content)
      if (isDurable) await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  if (isDurable) await syncFolder(dirname(path))
}

/** Bytes of all files in and below a folder; 0 if it is not there. */
export async function bytesIn(dir: string): Promise<number> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  let total = 0
  for (const entry of entries) {
    // What vanishes while we count needs no room.
    if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return total
}
