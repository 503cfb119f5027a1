/**
 * Reload: a changed processor restarts the worker, changed sources restart every process; only after a type check, so
 * that a half-written file leaves running what runs.
 */
import type { Supervised } from './supervised.ts'
import { typeCheck } from './type-check.ts'
import { watch } from './watch.ts'

export type ReloadOptions = {
  readonly processorsDir: string
  /** Restarted for a change in the processors' folder; the others only for one in src. */
  readonly worker: Supervised
  readonly others: readonly Supervised[]
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Watches and restarts until `signal` aborts. Never throws: what goes wrong is said, and the next change tries again. */
export async function reload({ processorsDir, worker, others, signal, say }: ReloadOptions): Promise<void> {
  const changed = async (files: readonly string[]) => {
    const isOfSource = files.some((file) => file.startsWith('src'))
    const restarted = isOfSource ? [...others, worker] : [worker]
    say(`\nChanged: ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''}.`)
    try {
      const problems = await typeCheck(processorsDir, signal)
      if (signal.aborted) return
      if (problems.length > 0) return say(`${problems.join('\n')}\nWhat was running goes on; correct this and save.`)
      say(`Restarting ${restarted.map(({ name }) => name).join(' and ')}.`)
      await Promise.all(restarted.map((one) => one.restart()))
    } catch (error) {
      if (!signal.aborted) say(`${(error as Error).message}\nCorrect this and save: it starts again then.`)
    }
  }
  await watch(['src', processorsDir], changed, signal)
}
