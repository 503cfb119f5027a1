/**
 * Any event without a processor of its own: one log line, so that you see what arrives. Safe to run twice: it only logs.
 * Replace it by processors of your own (`npm run new:processor -- Cdr`), or keep it beside them for the rest.
 */
import { defineProcessor } from '#bridge'

export default defineProcessor('*', (event, ctx) => {
  ctx.log.info({ sequence: event.sequence, problems: event.problems.length }, 'event seen')
})
