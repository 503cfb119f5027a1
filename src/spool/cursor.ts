/**
 * The cursor of a part: up to where its records were delivered. Small, checked, replaced in one step. Lost or damaged it
 * costs repeats, which the event id makes harmless, and never a record.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { replaceFile } from './disk.ts'

export type Position = {
  /** Name of the segment; empty before the first. */
  readonly segment: string
  /** Bytes of it that are delivered. */
  readonly offset: number
  /** Sequence of the last record delivered, if it is known. */
  readonly sequence: number | undefined
}

export const beginning: Position = { segment: '', offset: 0, sequence: undefined }

/** `isDurable` before anything is removed that the cursor has passed. */
export async function writeCursor(dir: string, position: Position, isDurable: boolean): Promise<void> {
  const text = JSON.stringify(position)
  await replaceFile(join(dir, 'cursor'), `${text}\n${crc32(text)}\n`, isDurable)
}

/** Where reading goes on; the beginning if the cursor is missing or damaged. */
export async function readCursor(dir: string): Promise<Position> {
  const [text = '', sum] = (await readFile(join(dir, 'cursor'), 'utf8').catch(() => '')).split('\n')
  if (text === '' || String(crc32(text)) !== sum) return beginning
  const { segment, offset, sequence } = JSON.parse(text)
  return { segment, offset, sequence }
}
