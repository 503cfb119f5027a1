/**
 * Every event into a ledger file: a line at the start and one at the end of each attempt, appended in one write, so that
 * the order of lines is the order in time over all worker processes. Fails at random by LEDGER_FAIL (0 to 1); with
 * LEDGER_HANG an attempt goes on until its signal, with LEDGER_DEAF for ever.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineProcessor } from '#bridge'

const file = process.env['LEDGER_FILE'] ?? '/dev/null'
const failRate = Number(process.env['LEDGER_FAIL'] ?? '0')
const workMs = Number(process.env['LEDGER_WORK_MS'] ?? '0')

export default defineProcessor(
  '*',
  { attempts: 50, backoff: { firstMs: 20, maxMs: 200, jitter: 0.5 } },
  async (event, ctx) => {
    const write = (what: 'start' | 'done' | 'fail') => {
      const line = {
        what,
        lane: event.lane,
        eventId: event.eventId,
        sequence: event.sequence,
        run: ctx.run,
        attempt: ctx.attempt,
        pid: process.pid,
      }
      appendFileSync(file, `${JSON.stringify(line)}\n`)
    }
    write('start')
    if (process.env['LEDGER_HANG'] === 'true') await pause(2 ** 30, undefined, { signal: ctx.signal })
    if (process.env['LEDGER_DEAF'] === 'true') await pause(2 ** 30)
    if (workMs > 0) await pause(Math.random() * 2 * workMs)
    if (Math.random() < failRate) {
      write('fail')
      throw new Error('random failure of the test')
    }
    write('done')
  },
)
