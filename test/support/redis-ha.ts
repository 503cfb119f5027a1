/**
 * Redis with more than one server, on loopback: a master with replicas under three sentinels, and a Cluster of six nodes.
 * Real servers, with short timeouts, so that a failover takes seconds.
 */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { shardKeys } from '../../src/queue/keys.ts'
import type { Ingress } from './bridge.ts'
import { freePort, inspect, type OwnRedis, startRedis } from './redis.ts'
import { waitFor } from './wait.ts'

/** A server and a client that looks into it, whatever role it has at the moment. */
export type Server = OwnRedis & { readonly look: Redis }

export type Trio = {
  /** Settings that lead a process here. */
  readonly env: Record<string, string>
  readonly servers: readonly Server[]
  /** Whom the sentinels call master now. */
  master(): Promise<Server>
  replicas(): Promise<Server[]>
  /** Asks for a failover without a fault. */
  askFailover(): Promise<void>
  /** Resolves when another server than `old` is master, and says so itself; answers it. */
  promoted(old: Server): Promise<Server>
  /** Makes a server that was away follow the master, as the sentinels would in a while; resolves when it does. */
  follows(server: Server): Promise<void>
  /** Resolves when the sentinels know that every server follows the master: before, another failover may find no replica. */
  whole(): Promise<void>
}

/** The default waits five seconds for more replicas before it begins a copy. */
const quick = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']

/** A replica of `first`, in step. */
export async function startReplica(t: TestContext, first: OwnRedis): Promise<{ master: Server; replica: Server }> {
  const master = lookInto(t, first)
  await master.look.call('CONFIG', 'SET', 'repl-diskless-sync-delay', '0')
  const replica = lookInto(t, await startRedis(t, '--replicaof', '127.0.0.1', String(first.port), ...quick))
  await waitFor(async () => (await link(replica.look)) === 'up', { what: 'the replica is in step' })
  // The master learns it up to a tenth of a second later, and until then counts no replica that could take writes.
  await waitFor(async () => /^slave0:.*state=online/m.test(await master.look.info('replication')), {
    what: 'the master counts its replica',
  })
  return { master, replica }
}

const sentinelName = 'bridge'

/** How long a master may be silent before its replica takes over, in milliseconds. */
const downAfterMs = 1_000

/** A replica of `first` and three sentinels that watch both; everything ends with the test. */
export async function startTrio(t: TestContext, first: OwnRedis): Promise<Trio> {
  const { master: firstMaster, replica } = await startReplica(t, first)
  const servers = [firstMaster, replica]
  const ports = await Promise.all([1, 2, 3].map(() => startSentinel(t, first.port)))
  const sentinels = ports.map((port) => inspect(t, `redis://127.0.0.1:${port}`))
  const ask = (sentinel: Redis, ...args: string[]) => sentinel.call('SENTINEL', ...args) as Promise<unknown>
  const masterPort = async () => {
    const answers = await Promise.all(sentinels.map((one) => ask(one, 'GET-MASTER-ADDR-BY-NAME', sentinelName)))
    const all = new Set((answers as [string, string][]).map(([, port]) => Number(port)))
    return all.size === 1 ? [...all][0] : undefined
  }
  const at = (port: number | undefined) => servers.find((server) => server.port === port)
  const master = () => waitFor(async () => at(await masterPort()), { what: 'the sentinels agree on a master' })
  const knowReplicas = async () => {
    for (const sentinel of sentinels) {
      const facts = pairs(await ask(sentinel, 'MASTER', sentinelName))
      if (facts.get('num-other-sentinels') !== '2') return false
      const replicas = ((await ask(sentinel, 'REPLICAS', sentinelName)) as string[][]).map(pairs)
      const well = replicas.filter((one) => one.get('flags') === 'slave' && one.get('master-link-status') === 'ok')
      if (well.length < servers.length - 1) return false
    }
    return true
  }
  await waitFor(knowReplicas, { what: 'the sentinels know each other and every replica' })

  return {
    env: {
      REDIS_URL: 'redis://127.0.0.1:1',
      REDIS_SENTINELS: ports.map((port) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_NAME: sentinelName,
    },
    servers,
    master,
    async replicas() {
      const port = (await master()).port
      return servers.filter((server) => server.port !== port)
    },
    async askFailover() {
      const [sentinel] = sentinels
      if (sentinel === undefined) return
      await waitFor(
        () =>
          ask(sentinel, 'FAILOVER', sentinelName).then(
            () => true,
            () => false,
          ),
        { what: 'a sentinel begins the failover' },
      )
    },
    async promoted(old) {
      return await waitFor(
        async () => {
          const port = await masterPort()
          const server = port === old.port ? undefined : at(port)
          return server !== undefined && (await isMaster(server.look)) ? server : undefined
        },
        { what: 'a replica was promoted' },
      )
    },
    async follows(server) {
      const { port } = await master()
      const { look } = server
      // One that was just woken, or started, has much to do before it listens.
      const told = () => look.call('REPLICAOF', '127.0.0.1', String(port)).catch(() => false)
      await waitFor(told, { what: 'it is told to follow' })
      await waitFor(async () => (await link(look)) === 'up', { what: 'it follows the master' })
    },
    async whole() {
      await waitFor(knowReplicas, { what: 'the sentinels know that it follows' })
    },
  }
}

async function startSentinel(t: TestContext, masterPort: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-sentinel-'))
  const port = await freePort()
  const file = join(dir, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor ${sentinelName} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${sentinelName} ${downAfterMs}`,
    `sentinel failover-timeout ${sentinelName} 2000`,
    `sentinel parallel-syncs ${sentinelName} 5`,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawn(process.env['REDIS_SERVER'] || 'redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  t.after(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await gone
    }
    await rm(dir, { recursive: true, force: true })
  })
  return port
}

export type SixNodes = {
  /** Settings that lead a process here. */
  readonly env: Record<string, string>
  readonly servers: readonly Server[]
  /** The master that holds this key now. */
  masterOf(key: string): Promise<Server>
  replicaOf(master: Server): Promise<Server>
  /** Resolves when the Cluster is whole and another than `old` holds the key; answers it. */
  promoted(old: Server, key: string): Promise<Server>
  /** Resolves when a server that was away follows another. */
  follows(server: Server): Promise<void>
  /** Resolves when every node is well and each master has its replica. */
  whole(): Promise<void>
}

/** What a node of a Cluster is started with. */
export async function nodeArgs(): Promise<string[]> {
  const bus = String(await freePort())
  return [
    ...['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-node-timeout', '1000'],
    ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
  ]
}

/** A Cluster of three masters and their replicas, `first` (started with `nodeArgs`) among the masters. */
export async function startSixNodes(t: TestContext, first: OwnRedis): Promise<SixNodes> {
  const all = [first]
  while (all.length < 6) all.push(await startRedis(t, ...(await nodeArgs())))
  const servers = all.map((server) => lookInto(t, server))
  const masters = servers.slice(0, 3)
  const [meeting] = servers
  if (meeting === undefined) throw new Error('no node')
  const bus = String(((await meeting.look.call('CONFIG', 'GET', 'cluster-port')) as string[])[1])
  for (const [index, { look }] of masters.entries()) {
    const [from, to] = [Math.floor((index * 16384) / 3), Math.floor(((index + 1) * 16384) / 3) - 1]
    await look.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    await look.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  for (const { look } of servers.slice(1)) await look.call('CLUSTER', 'MEET', '127.0.0.1', String(meeting.port), bus)
  const ids = await Promise.all(masters.map(({ look }) => look.call('CLUSTER', 'MYID')))
  for (const [index, { look }] of servers.slice(3).entries()) {
    const master = String(ids[index])
    await waitFor(() =>
      look.call('CLUSTER', 'REPLICATE', master).then(
        () => true,
        () => false,
      ),
    )
  }

  const at = (port: number | undefined) => servers.find((server) => server.port === port)
  /** CLUSTER NODES as one living node sees it. */
  const seen = () => Promise.any(servers.map(({ look }) => nodesSeenBy(look)))
  const holder = async (key: string) => {
    const slot = Number(await Promise.any(servers.map(({ look }) => look.call('CLUSTER', 'KEYSLOT', key))))
    return (await seen()).find(
      ({ isMaster, slots }) => isMaster && slots.some(([from, to]) => from <= slot && slot <= to),
    )
  }
  const whole = async () => {
    const views = await Promise.all(servers.map(({ look }) => nodesSeenBy(look)))
    const infos = await Promise.all(servers.map(({ look }) => look.call('CLUSTER', 'INFO')))
    if (!infos.every((info) => String(info).includes('cluster_state:ok'))) return false
    if (!views.every((view) => view.length === servers.length && view.every(({ isWell }) => isWell))) return false
    const links = await Promise.all(servers.map(({ look }) => link(look)))
    const replicas = views[0]?.filter(({ isMaster }) => !isMaster) ?? []
    return replicas.length === 3 && links.filter((state) => state === 'up').length === 3
  }
  await waitFor(whole, { what: 'the cluster is whole' })

  return {
    env: {
      REDIS_URL: 'redis://127.0.0.1:1',
      REDIS_CLUSTER_NODES: servers.map(({ port }) => `127.0.0.1:${port}`).join(','),
    },
    servers,
    masterOf: (key) => waitFor(async () => at((await holder(key))?.port)),
    async replicaOf(master) {
      const id = String(await master.look.call('CLUSTER', 'MYID'))
      return await waitFor(async () => at((await seen()).find(({ masterId }) => masterId === id)?.port))
    },
    promoted: (old, key) =>
      waitFor(
        async () => {
          const server = at((await holder(key))?.port)
          if (server === undefined || server.port === old.port) return undefined
          return String(await server.look.call('CLUSTER', 'INFO')).includes('cluster_state:ok') ? server : undefined
        },
        { what: 'a replica took the slots over' },
      ),
    async follows({ look }) {
      await waitFor(async () => (await link(look)) === 'up', { what: 'it follows another' })
    },
    async whole() {
      await waitFor(() => whole().catch(() => false), { what: 'the cluster is whole again' })
    },
  }
}

type SeenNode = {
  readonly id: string
  readonly port: number
  readonly isMaster: boolean
  readonly isWell: boolean
  readonly masterId: string
  readonly slots: readonly (readonly [number, number])[]
}

async function nodesSeenBy(look: Redis): Promise<SeenNode[]> {
  const lines = String(await look.call('CLUSTER', 'NODES'))
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [id = '', address = '', flags = '', masterId = '', , , , state = '', ...ranges] = line.split(' ')
    const isFailed = /fail|handshake|noaddr/.test(flags)
    return {
      id,
      port: Number(/:(\d+)@/.exec(address)?.[1]),
      isMaster: flags.includes('master') && !isFailed,
      isWell: !isFailed && state === 'connected',
      masterId,
      slots: ranges.map((range) => {
        const [from, to = from] = range.split('-').map(Number)
        return [from ?? -1, to ?? -1] as const
      }),
    }
  })
}

/**
 * Cuts the replica off its master, as a broken network does: it answers, may be promoted, and lacks what is written from
 * now on. Resolves when the link is down.
 */
export async function cutOff({ look }: Server): Promise<void> {
  await look.call('CONFIG', 'SET', 'masteruser', 'nobody', 'masterauth', 'wrong')
  await look.call('CLIENT', 'KILL', 'TYPE', 'master')
  await waitFor(async () => (await link(look)) === 'down', { what: 'the replica is cut off' })
}

/** Takes back what `cutOff` did. */
export async function heal({ look }: Server): Promise<void> {
  await look.call('CONFIG', 'SET', 'masteruser', '', 'masterauth', '')
}

/** Event ids that a server has taken over all shards, whatever became of them. Needs no more than read access. */
export async function taken({ look }: Server, prefix: string, shards = 1): Promise<Set<string>> {
  const ids = new Set<string>()
  // A replica in a Cluster answers only who says that it may be behind.
  await look.call('READONLY').catch(() => {})
  for (let shard = 0; shard < shards; shard += 1) {
    const { base } = shardKeys(prefix, shard)
    let cursor = '0'
    do {
      const [next, keys] = await look.scan(cursor, 'MATCH', `${base}:call:*`, 'COUNT', 1_000)
      for (const key of keys) for (const id of await look.zrange(key, '0', '-1')) ids.add(id)
      cursor = next
    } while (cursor !== '0')
  }
  return ids
}

/** The same of a server that is dead or stopped, from a copy of its append-only file. */
export async function takenOnDisk(t: TestContext, server: Server, prefix: string, shards = 1): Promise<Set<string>> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-copy-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await cp(join(server.dir, 'appendonlydir'), join(dir, 'appendonlydir'), { recursive: true })
  const copy = await startRedis(t, '--dir', dir)
  const ids = await taken(lookInto(t, copy), prefix, shards)
  copy.kill('SIGKILL')
  return ids
}

/** Sequence of every event that Redis has in the end, over all shards, asked where each shard is now. */
export async function sequences(
  where: (key: string) => Promise<Server>,
  prefix: string,
  shards = 1,
): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (let shard = 0; shard < shards; shard += 1) {
    const { base, heads } = shardKeys(prefix, shard)
    const { look } = await where(heads)
    let cursor = '0'
    do {
      const [next, keys] = await look.scan(cursor, 'MATCH', `${base}:call:*`, 'COUNT', 1_000)
      for (const key of keys) {
        const flat = await look.zrange(key, '0', '-1', 'WITHSCORES')
        for (let at = 0; at < flat.length; at += 2) found.set(flat[at] ?? '', Number(flat[at + 1]))
      }
      cursor = next
    } while (cursor !== '0')
  }
  return found
}

/** Waits until no spool holds anything and every lane of every shard is empty, asked where the shard is now. */
export async function settled(
  ingresses: readonly Ingress[],
  where: (key: string) => Promise<Server>,
  prefix: string,
  shards = 1,
): Promise<void> {
  for (const { readyz } of ingresses) {
    await waitFor(async () => (await readyz())?.spool.isEmpty, { limitMs: 60_000, what: 'the spool is empty' })
  }
  for (let shard = 0; shard < shards; shard += 1) {
    const { heads } = shardKeys(prefix, shard)
    const length = async () => (await where(heads)).look.hlen(heads).catch(() => 1)
    await waitFor(async () => (await length()) === 0, {
      limitMs: 60_000,
      everyMs: 50,
      what: `every lane of shard ${shard} is empty`,
    }).catch(async (error: unknown) => {
      throw new Error(`${error}; left: ${await leftIn(await where(heads), prefix, shard)}`)
    })
  }
}

/** What a shard whose lanes do not empty has, and who is connected to its server. */
async function leftIn({ look, port }: Server, prefix: string, shard: number): Promise<string> {
  const { heads, base } = shardKeys(prefix, shard)
  const ask = (...command: [string, ...string[]]) => look.call(...command).catch(String)
  const lanes = await look.hgetall(heads).catch((): Record<string, string> => ({}))
  const jobs = await Promise.all(
    Object.entries(lanes)
      .slice(0, 5)
      .map(async ([lane, id]) => ({
        lane,
        job: await ask('HGETALL', `${base}:events:${id}`),
        lockMs: await ask('PTTL', `${base}:events:${id}:lock`),
      })),
  )
  return JSON.stringify({
    port,
    lanes: Object.keys(lanes).length,
    jobs,
    wait: await ask('LLEN', `${base}:events:wait`),
    active: await ask('LRANGE', `${base}:events:active`, '0', '-1'),
    delayed: await ask('ZCARD', `${base}:events:delayed`),
    marker: await ask('ZRANGE', `${base}:events:marker`, '0', '-1'),
    clients: String(await ask('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes('bridge')),
  })
}

/** A client that looks into one server: gives up on one that hangs. */
function lookInto(t: TestContext, server: OwnRedis): Server {
  const look = new Redis(server.url, { maxRetriesPerRequest: null, commandTimeout: 2_000, retryStrategy: () => 50 })
  look.on('error', () => {})
  t.after(() => look.disconnect())
  return { ...server, look }
}

async function isMaster(look: Redis): Promise<boolean> {
  return /^role:master/m.test(await look.info('replication'))
}

/** `none` of a master, and of a server that does not answer. */
async function link(look: Redis): Promise<string> {
  const info = await look.info('replication').catch(() => '')
  return /^master_link_status:(\w+)/m.exec(info)?.[1] ?? 'none'
}

function pairs(flat: unknown): Map<string, string> {
  const list = flat as string[]
  return new Map(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1] ?? ''] as const] : [])))
}
