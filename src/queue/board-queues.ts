/**
 * The queue of each shard as BullMQ's own class, for a board that reads. It writes nothing, not even BullMQ's own settings.
 */
import { Queue } from 'bullmq'
import type { Log } from '../log.ts'
import { queueName } from './keys.ts'
import type { Queues } from './queues.ts'

export type BoardQueue = { readonly shard: number; readonly queue: Queue }

/** One for each shard, on the connection of `queues`, which stays open when they are closed. */
export function openBoardQueues({ redis, shards }: Queues, log: Log): readonly BoardQueue[] {
  return shards.map(({ shard, base }) => {
    const queue = new Queue(queueName, { connection: redis, prefix: base, skipMetasUpdate: true })
    // The connection tells of itself already.
    queue.on('error', (error) => log.debug({ shard, error: error.message }, 'board cannot read'))
    return { shard, queue }
  })
}
