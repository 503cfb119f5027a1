/**
 * Does what an event asks for in its field `act`, and writes the lines of test/e2e/processors/ledger.ts with the time of each.
 * Attempts, backoff and timeout are the worker's settings. An event without `act` completes.
 */
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineProcessor, PermanentError } from '#bridge'
import { thrown } from './lib/thrown.ts'

const { LEDGER_FILE: file = '/dev/null' } = process.env
const blockMs = Number(process.env['BLOCK_MS'] ?? '0')

export default defineProcessor('*', async (event, ctx) => {
  const write = (what: 'start' | 'done' | 'fail') => {
    const { lane, eventId, sequence, receivedAt } = event
    const { run, attempt } = ctx
    const now = Date.now()
    const line = { what, lane, eventId, sequence, run, attempt, pid: process.pid, at: now, waitMs: now - +receivedAt }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }
  const { act } = event.data as { readonly act?: string }
  write('start')
  if (act?.startsWith('gate') && ctx.run === 1) await opened(`${file}.${act}`)
  if (act?.startsWith('gate-held') && ctx.run > 1) await opened(`${file}.${act}.held`)
  switch (act) {
    case 'hang':
      ctx.signal.addEventListener('abort', () => write('fail'))
      return await new Promise(() => {})
    case 'block': {
      const end = performance.now() + (ctx.run === 1 ? blockMs : 0)
      while (performance.now() < end);
      break
    }
    case 'refuse':
      write('fail')
      throw new PermanentError('refused, as asked')
    default:
      if (act !== undefined && act in thrown) {
        write('fail')
        throw thrown[act]?.()
      }
  }
  write('done')
})

/** Goes on once the test has made that file, whatever the signal says. */
async function opened(gate: string): Promise<void> {
  while (!existsSync(gate)) await pause(10)
}
