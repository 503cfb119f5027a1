/**
 * Turn: whether a job that starts is the head of its lane, asked of the guard where there can be a doubt.
 */
import { encodeUnseen } from './attempt-record.ts'
import { type Connection, runGuard, type Turn } from './fused/commands.ts'
import type { HeadJob } from './fused/first-start.ts'
import type { ShardKeys } from './keys.ts'

/**
 * A first start needs no guard: the script that added the job made it the head.
 * @throws what Redis answers, if it refused to say.
 */
export async function turnOfStart(redis: Connection, shard: ShardKeys, job: HeadJob): Promise<Turn> {
  if (job.attemptsStarted <= 1) return { isTurn: true, putOffSince: undefined, unrecorded: 0 }
  const vanished = encodeUnseen(job, { run: job.attemptsStarted - 1, outcome: 'vanished' })
  return await runGuard(redis, shard, job.id ?? '', job.attemptsStarted, vanished)
}
