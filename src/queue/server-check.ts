/**
 * Says at each connection what of the Redis server's settings would break the promise: eviction, no log on disk.
 * Only says it: such a Redis is better than none.
 */
import type { Log } from '../log.ts'
import type { Connection } from './fused/commands.ts'

/** Warns once per kind of problem, whenever the connection becomes ready. */
export function warnAboutServer(redis: Connection, log: Log): void {
  const said = new Set<string>()
  redis.on('ready', () => {
    problemsOf(redis).then(
      (problems) => {
        for (const problem of problems.filter((text) => !said.has(text))) {
          said.add(problem)
          log.warn(problem)
        }
      },
      () => {
        // Not allowed to ask, or gone again: then nothing is known, and nothing is said.
      },
    )
  })
}

async function problemsOf(redis: Connection): Promise<string[]> {
  const info = `${await redis.info('memory')}\n${await redis.info('persistence')}`
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const problems: string[] = []
  const policy = field('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    problems.push(
      `redis drops keys when its memory is full (maxmemory-policy ${policy}): set noeviction, or events are lost`,
    )
  }
  if (field('aof_enabled') === '0') {
    problems.push(
      'redis keeps no append-only file: set appendonly yes and appendfsync always, or a crash of redis loses what was acknowledged',
    )
  } else if (field('aof_last_write_status') === 'err') {
    problems.push('redis cannot write its append-only file: look at its disk')
  }
  return problems
}
