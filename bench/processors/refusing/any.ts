/** Every event: nothing is done, but those of the calls that are to block their lanes are refused for good. */
import { defineProcessor, PermanentError } from '#bridge'
import { callIdOf, firstRefusedCall } from '../../support/payload.ts'

const firstRefused = callIdOf(firstRefusedCall)

export default defineProcessor('*', (event) => {
  if ((event.callId ?? '') >= firstRefused) throw new PermanentError('refused, for the bench')
})
