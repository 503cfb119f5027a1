/**
 * The clock of Redis, by which all that is finished or heard is dated: those of our processes may be hours apart.
 */
import type { Connection } from './fused/commands.ts'

/** Now, in epoch milliseconds. */
export async function serverNow(redis: Connection): Promise<number> {
  const [seconds, microseconds] = await redis.time()
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)
}
