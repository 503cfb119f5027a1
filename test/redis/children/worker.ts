/**
 * A worker process for stories about processes: short locks, a ledger of starts and ends, and ways to misbehave.
 * MISBEHAVE: `block` holds the event loop for twice the lock at each first start; `hang` never ends; `die` kills the process at each start.
 */
import { appendFileSync } from 'node:fs'
import { loadConfig } from '../../../src/config.ts'
import { createLog } from '../../../src/log.ts'
import { consume } from '../../../src/queue/consume.ts'

const lockMs = 1_000
const config = loadConfig(process.env)
const { LEDGER_FILE: file = '/dev/null', MISBEHAVE: misbehave } = process.env
const shiftMs = Number(process.env['CLOCK_SHIFT_MS'] ?? '0')
if (shiftMs !== 0) {
  const realNow = Date.now.bind(Date)
  Date.now = () => realNow() + shiftMs
}

const write = (what: string, eventId: string, lane: string, sequence: number, run: number) =>
  appendFileSync(file, `${JSON.stringify({ what, lane, eventId, sequence, run, attempt: run, pid: process.pid })}\n`)

consume(
  {
    redis: config.redis,
    keys: config.keys,
    lanes: config.lanes,
    concurrency: 4,
    lockMs,
    sweepMs: 200,
    log: createLog({ level: 'warn' }),
  },
  async ({ eventId, lane, sequence }, { run, signal }) => {
    write('start', eventId, lane, sequence, run)
    if (misbehave === 'die') process.kill(process.pid, 'SIGKILL')
    if (misbehave === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
    if (misbehave === 'block' && run === 1) {
      const end = performance.now() + 2 * lockMs
      while (performance.now() < end);
    }
    write('done', eventId, lane, sequence, run)
    return { status: 'completed' }
  },
)
