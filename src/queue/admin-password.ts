/**
 * The password that the admin made for itself, as its hash: one for all admins on one prefix, kept until somebody removes it.
 */
import { firstShard, type Queues } from './queues.ts'

/** The hash that is kept; undefined if none has been made yet. Rejects as ioredis does if Redis cannot be asked. */
export async function readAdminPassword(queues: Queues): Promise<string | undefined> {
  return (await queues.redis.get(firstShard(queues).adminPassword)) ?? undefined
}

/** Keeps a hash, unless another admin was first. True if it is this one that is kept. */
export async function keepAdminPassword(queues: Queues, hash: string): Promise<boolean> {
  return (await queues.redis.setnx(firstShard(queues).adminPassword, hash)) === 1
}
