/** BullMQ without any order: a worker that does nothing. Finished jobs are kept, as BullMQ does by default and the bridge too. */
import { Worker } from 'bullmq'

const worker = new Worker('webhooks', async () => {}, {
  connection: { url: process.env['REDIS_URL'] ?? '' },
  concurrency: 64,
})
process.once('SIGTERM', () => void worker.close().then(() => process.exit(0)))
