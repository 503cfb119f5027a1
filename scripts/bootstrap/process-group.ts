/**
 * What a process started goes with it: a child that leads a group of its own (`detached`), and whatever it has started in turn.
 */
import type { ChildProcess } from 'node:child_process'

/** Kills the group of `child`. Nothing happens if none of it is left. */
export function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}
