/**
 * Redis itself, as far as it decides whether events are kept: its memory, what it does when that is full, its file.
 */
import type { Queues } from './queues.ts'

/** One Redis server; several in a Cluster. */
export type RedisHealth = {
  /** `host:port`, in a Cluster; else empty. */
  readonly node: string
  readonly version: string
  readonly usedBytes: number
  /** 0 = no limit of its own. */
  readonly maxBytes: number
  /** What it does when its memory is full: `noeviction`, or it drops keys. */
  readonly policy: string
  /** Whether it keeps an append-only file. */
  readonly isAppendOnly: boolean
  /** Whether its last write to that file succeeded. */
  readonly isLastWriteOk: boolean
  /** Whether it is reading its file after a start. */
  readonly isLoading: boolean
}

/** Every server that holds events. Rejects as ioredis does if one cannot be asked. */
export async function readRedisHealth({ redis }: Pick<Queues, 'redis'>): Promise<readonly RedisHealth[]> {
  if (!('nodes' in redis)) return [healthOf('', await redis.info())]
  const nodes = redis.nodes('master')
  return await Promise.all(
    nodes.map(async (node) => healthOf(`${node.options.host}:${node.options.port}`, await node.info())),
  )
}

function healthOf(node: string, info: string): RedisHealth {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  return {
    node,
    version: field('redis_version'),
    usedBytes: Number(field('used_memory')),
    maxBytes: Number(field('maxmemory')),
    policy: field('maxmemory_policy'),
    isAppendOnly: field('aof_enabled') === '1',
    isLastWriteOk: field('aof_last_write_status') !== 'err',
    isLoading: field('loading') === '1',
  }
}
