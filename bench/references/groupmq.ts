/** The peer with an order per group: a job of GroupMQ for each webhook, its call the group. */
import { Queue } from 'groupmq'
import { Redis } from 'ioredis'
import { startEdge } from './edge.ts'

const redis = new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
const queue = new Queue({ redis, namespace: 'webhooks' })
await redis.ping()
await startEdge((event) => queue.add({ groupId: event.cuid, data: event, orderMs: Date.now() }))
