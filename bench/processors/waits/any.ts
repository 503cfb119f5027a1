/** Every event: how long it has waited. */
import { defineProcessor } from '#bridge'
import { recordWaits } from '../../support/waits.ts'

const record = recordWaits()

export default defineProcessor('*', (event) => record(event.receivedAt.getTime()))
