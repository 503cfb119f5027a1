/**
 * From the receipt of an event to its first attempt, kept within the process that makes the attempts and written to a file when
 * it ends: nothing is sent or stored meanwhile.
 */
import { writeFileSync } from 'node:fs'

export type Waits = { readonly receivedAt: readonly number[]; readonly waitedMs: readonly number[] }

/** Writes to the file that the environment names. Both are times of this machine's clock, in milliseconds. */
export function recordWaits(): (receivedAt: number) => void {
  const waits: { receivedAt: number[]; waitedMs: number[] } = { receivedAt: [], waitedMs: [] }
  process.once('exit', () => writeFileSync(process.env['BENCH_WAITS'] ?? '', JSON.stringify(waits satisfies Waits)))
  return (receivedAt) => {
    waits.receivedAt.push(receivedAt)
    waits.waitedMs.push(Date.now() - receivedAt)
  }
}
