/** The least that is durable: the body at the end of one list. */
import { Redis } from 'ioredis'
import { startEdge } from './edge.ts'

const redis = new Redis(process.env['REDIS_URL'] ?? '')
await redis.ping()
await startEdge((event) => redis.rpush('webhooks', JSON.stringify(event)))
