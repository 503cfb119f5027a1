/**
 * Redis itself, as far as it decides whether events are kept: its memory, what it does when that is full, its file. The one reading
 * of INFO; what is not said there (a Redis that somebody else runs may hide it) is no risk.
 */
import type { Redis } from 'ioredis'
import type { Connection } from './fused/commands.ts'
import type { Queues } from './queues.ts'

/** One Redis server; several in a Cluster. */
export type RedisHealth = {
  /** `host:port`, in a Cluster; else empty. */
  readonly node: string
  readonly version: string
  /** What counts against the limit: Redis itself leaves the buffers of its log and its replicas out. */
  readonly usedBytes: number
  /** 0 = no limit of its own. */
  readonly maxBytes: number
  /** What it does when its memory is full: `noeviction`, or it drops keys; empty if it does not say. */
  readonly policy: string
  /** Whether it keeps an append-only file. */
  readonly isAppendOnly: boolean
  /** Whether its last write to that file succeeded. */
  readonly isLastWriteOk: boolean
  /** Whether it is reading its file after a start. */
  readonly isLoading: boolean
}

/** By what a server may lose what it was given. */
export type Risk = 'evicts' | 'no-append-only-file' | 'cannot-write'

/** Every server that holds events. Rejects as ioredis does if one cannot be asked. */
export async function readRedisHealth({ redis }: Pick<Queues, 'redis'>): Promise<readonly RedisHealth[]> {
  return await Promise.all(
    mastersOf(redis).map(async (server) => healthIn(await server.info(), 'nodes' in redis ? nodeOf(server) : '')),
  )
}

/** The server, or every master of a Cluster. */
export function mastersOf(redis: Connection): readonly Redis[] {
  return 'nodes' in redis ? redis.nodes('master') : [redis]
}

/** How a node of a Cluster is named. */
export function nodeOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

/** What an answer of INFO says, also one of a section only. */
export function healthIn(info: string, node = ''): RedisHealth {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  return {
    node,
    version: field('redis_version'),
    usedBytes: Number(field('used_memory')) - Number(field('mem_not_counted_for_evict')),
    maxBytes: Number(field('maxmemory')),
    policy: field('maxmemory_policy'),
    isAppendOnly: field('aof_enabled') !== '0',
    isLastWriteOk: field('aof_last_write_status') !== 'err',
    isLoading: field('loading') === '1',
  }
}

/** The share of its limit that is in use, 0 to 1; 0 without a limit. */
export function memoryShareOf({ usedBytes, maxBytes }: Pick<RedisHealth, 'usedBytes' | 'maxBytes'>): number {
  return maxBytes > 0 ? usedBytes / maxBytes : 0
}

export function risksOf({ policy, isAppendOnly, isLastWriteOk }: RedisHealth): Risk[] {
  const risks: Risk[] = []
  if (policy !== 'noeviction' && policy !== '') risks.push('evicts')
  if (!isAppendOnly) risks.push('no-append-only-file')
  if (!isLastWriteOk) risks.push('cannot-write')
  return risks
}
