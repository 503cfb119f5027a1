/**
 * Cdr and CdrQueue: missed calls become a list of people to call back. Copy it to workers/ to use it.
 * FOLLOW_UP_URL is the list's address; without it, it only logs. One entry a call: PUT and DELETE of `<source>:<call id>`.
 * Safe to run twice, and in several workers: both are upserts, and the bridge keeps the events of a call in order.
 *
 * Both events are needed: the Cdr of an unanswered call may never come, and a call without a queue has no CdrQueue. Only an
 * answered CdrQueue takes an entry off again; an answered Cdr does not, since a queue or a menu may have picked up, not
 * a person (nothing says which). So the list rather holds a call too many. A call that sends neither event is not found here.
 */
import { defineProcessor, type Event } from '#bridge'
import { below, send } from '../lib/http.ts'
import { shortened } from '../lib/shortened.ts'

const missed = new Set<string | undefined>(['no-answer', 'missed', 'abandon', 'busy', 'failed', 'congestion'])

export default defineProcessor(['Cdr', 'CdrQueue'], { timeoutMs: 10_000 }, async (event, ctx) => {
  const verdict = verdictOf(event)
  if (verdict === undefined) return ctx.skip('no missed call')

  const base = process.env['FOLLOW_UP_URL']
  const entry = `${event.source}:${event.callId ?? event.eventId}`
  if (!base) {
    ctx.log.info({ entry, verdict, number: shortened(event.data.src) }, 'would update the list: FOLLOW_UP_URL is unset')
    return
  }
  if (verdict === 'answered') {
    await send({ method: 'DELETE', url: below(base, entry), signal: ctx.signal, accept: [404, 410] })
    return
  }
  const { src, dst, waitSeconds } = event.data
  await send({
    method: 'PUT',
    url: below(base, entry),
    headers: { 'idempotency-key': event.eventId },
    body: {
      number: src,
      calledAt: event.receivedAt,
      wanted: event.name === 'CdrQueue' ? event.data.queue : dst,
      waitSeconds,
      sequence: event.sequence,
      run: ctx.run,
    },
    signal: ctx.signal,
  })
  ctx.log.info({ entry }, 'missed call noted')
})

function verdictOf(event: Event<'Cdr' | 'CdrQueue'>): 'missed' | 'answered' | undefined {
  // Without a number there is nobody to call back.
  if (event.data.src === undefined) return undefined
  if (event.name === 'Cdr') {
    return event.data.type === 'incoming' && missed.has(event.data.disposition) ? 'missed' : undefined
  }
  if (event.data.disposition === 'answered') return 'answered'
  return missed.has(event.data.disposition) ? 'missed' : undefined
}
