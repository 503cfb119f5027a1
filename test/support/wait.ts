/**
 * Waiting for a fact. Tests never wait for a time to pass.
 */
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves with the first truthy value of `fact`, asked every `everyMs` (default 20 ms).
 * Rejects after `limitMs` (default 20 s: a limit on how long a broken promise may hang, never a measured speed).
 */
export async function waitFor<T>(
  fact: () => T | Promise<T>,
  {
    limitMs = 20_000,
    everyMs = 20,
    what = fact.toString(),
  }: { limitMs?: number; everyMs?: number; what?: string } = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs
  for (;;) {
    const value = await fact()
    if (value) return value
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for: ${what}`)
    await pause(everyMs)
  }
}
