/**
 * GroupMQ: a worker that does nothing, as its README has it. Finished jobs are not kept, as is its default, so nobody can count
 * them from outside: it tells of the first and, given by its one argument how many there are, of the last.
 */
import { Queue, Worker } from 'groupmq'
import { Redis } from 'ioredis'

const wanted = Number(process.argv[2])
const redis = new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
const queue = new Queue({ redis, namespace: 'webhooks' })
const worker = new Worker({ queue, concurrency: 64, handler: async () => {} })
let done = 0
let firstAt = 0
worker.on('completed', () => {
  done += 1
  if (done === 1) firstAt = Date.now()
  if (done === 1 || done === wanted) process.stdout.write(`${JSON.stringify({ done, firstAt, lastAt: Date.now() })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
