/** The naive bridge: a job of BullMQ for each webhook, as its documentation has it. */
import { Queue } from 'bullmq'
import { startEdge } from './edge.ts'

const queue = new Queue('webhooks', { connection: { url: process.env['REDIS_URL'] ?? '' } })
await queue.waitUntilReady()
await startEdge((event) => queue.add(event.event_name, event, { removeOnComplete: true }))
