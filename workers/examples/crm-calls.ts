/**
 * Cdr: puts each call record into a CRM over HTTP. Copy it to workers/ to use it.
 * CRM_URL is the address (`https://crm.example/api`), CRM_TOKEN its token if it needs one; without CRM_URL it only logs what it would send.
 * Safe to run twice: PUT, and the idempotency key, carry the event id, which never changes. A call can have several records
 * (one a leg), so the call id would be the wrong key. Several workers may run it at once.
 */
import { defineProcessor } from '#bridge'
import { below, send } from '../lib/http.ts'
import { shortened } from '../lib/shortened.ts'

export default defineProcessor('Cdr', { timeoutMs: 10_000 }, async (event, ctx) => {
  const { src, dst, type, disposition, startTime, billedSeconds, record } = event.data
  const call = {
    callId: event.callId,
    pbx: event.source,
    from: src,
    to: dst,
    type,
    disposition,
    startTime,
    seconds: billedSeconds ?? 0,
    recording: record,
    // A CRM that keeps these can refuse a write older than the one it has.
    sequence: event.sequence,
    run: ctx.run,
  }
  const base = process.env['CRM_URL']
  if (!base) {
    ctx.log.info(
      { call: { ...call, from: shortened(src), to: shortened(dst) } },
      'would save the call: CRM_URL is unset',
    )
    return
  }

  const token = process.env['CRM_TOKEN']
  await send({
    method: 'PUT',
    url: below(base, 'calls', event.eventId),
    headers: { 'idempotency-key': event.eventId, ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: call,
    signal: ctx.signal,
  })
  ctx.log.info({ seconds: call.seconds }, 'call saved')
})
