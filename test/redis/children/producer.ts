/**
 * A producer process for stories about processes: enqueues numbered events into LANES, one at a time in each, and writes
 * `lane label` to LEDGER_FILE once an event is acknowledged. Labels grow from RUN to RUN.
 */
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { loadConfig } from '../../../src/config.ts'
import { createLog } from '../../../src/log.ts'
import { openLanes } from '../../../src/queue/lanes.ts'

const { redis, keys } = loadConfig(process.env)
const { LEDGER_FILE: file = '/dev/null', LANES: names = '', RUN: run = '0' } = process.env
const lanes = openLanes({ redis, keys, maxLaneEvents: 0, duplicateWindowMs: 0, log: createLog({ level: 'silent' }) })

const raw = { method: 'POST', path: '/', query: '', contentType: '', body: '', bodyEncoding: 'utf8' } as const
const fixed = { name: 'Unknown', source: 'default', callId: null, data: {}, problems: [], raw } as const

for (const lane of names.split(',')) void produce(lane)

async function produce(lane: string): Promise<void> {
  for (let number = 0; ; number += 1) {
    const label = `${run}.${String(number).padStart(6, '0')}`
    const event = { ...fixed, eventId: `${label}-${randomUUID()}`, lane, receivedAt: new Date() }
    const answer = await lanes.enqueue(event).catch(() => undefined)
    if (answer !== undefined) appendFileSync(file, `${lane} ${label}\n`)
  }
}
