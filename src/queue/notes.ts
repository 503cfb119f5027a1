/**
 * Notes: what is to be written with a job in the step in which it becomes final. They lie on the job itself; a table beside it would
 * be one more thing for each event to be kept and collected.
 */

import type { News } from './who.ts'

export type Notes = {
  /** The line of the job's last attempt. */
  line?: string
  /** Where the search finds it. */
  news?: News
  /** Of a job whose end is written already: what BullMQ is answered when it asks for it. */
  moved?: unknown
}

const mark = Symbol('notes')

/** The notes on this job, to be read and written. */
export function notesOf(job: object): Notes {
  const marked = job as { [mark]?: Notes }
  marked[mark] ??= {}
  return marked[mark]
}
