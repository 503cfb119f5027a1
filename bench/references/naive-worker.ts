/** The worker of the naive bridge: how long each job has waited since the edge made it. */
import { Worker } from 'bullmq'
import { recordWaits } from '../support/waits.ts'

const record = recordWaits()
const worker = new Worker('webhooks', async (job) => record(job.timestamp), {
  connection: { url: process.env['REDIS_URL'] ?? '' },
  concurrency: 64,
})
process.once('SIGTERM', () => void worker.close().then(() => process.exit(0)))
