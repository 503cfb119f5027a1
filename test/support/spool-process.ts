/**
 * A process for tests that kill it: sends events of its own through the way of the ingress, and writes each ack to LEDGER_FILE
 * (`lane number eventId`) once it has it. Numbers go up within a lane and from RUN to RUN.
 */
import { appendFileSync } from 'node:fs'
import { createLog } from '../../src/log.ts'
import { eventIn } from './spool.ts'
import { openWay } from './spool-way.ts'

const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']))
const settings = ['REDIS_URL', 'KEY_PREFIX', 'SPOOL_DIR'].map((name) => [name, env[name] ?? ''])
const { intake } = await openWay(Object.fromEntries(settings), createLog({ level: env['LOG_LEVEL'] ?? 'silent' }))
const run = Number(env['RUN'])
const body = 'x'.repeat(Number(env['BODY_BYTES'] ?? 0))
process.send?.('open')

await Promise.all(
  (env['LANES'] ?? '').split(',').map(async (lane) => {
    for (let number = run * 1_000_000; ; number += 1) {
      const event = eventIn(lane, String(number), body)
      const answer = await intake.enqueue(event).then(
        () => 'acked',
        () => 'refused',
      )
      appendFileSync(env['LEDGER_FILE'] ?? '', `${answer} ${lane} ${number} ${event.eventId}\n`)
    }
  }),
)
