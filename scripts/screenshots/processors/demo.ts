/**
 * What the pictures show: most events are processed at once; of some the CRM answers 503, of some it knows no customer, and some
 * take their time.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { defineProcessor, PermanentError } from '#bridge'

/** The same call always fares the same: 0 to 99. */
const fateOf = (callId: string | null) =>
  (createHash('sha256')
    .update(callId ?? '')
    .digest()[0] ?? 0) % 100

export default defineProcessor(
  '*',
  { attempts: 3, backoff: { firstMs: 400, maxMs: 600_000, jitter: 0 } },
  async (event, ctx) => {
    await pause(20)
    const fate = fateOf(event.callId)
    if (event.name === 'NewState' && fate < 8) throw new Error(`CRM answered 503 for customer ${fate}`)
    if (event.name === 'Cdr' && fate >= 8 && fate < 16) throw new PermanentError(`no customer with number ${fate}`)
    if (event.name === 'Cdr' && fate >= 16 && fate < 24 && ctx.attempt < 3)
      throw new Error('CRM did not answer in 10 s')
  },
)
