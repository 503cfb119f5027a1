/**
 * Rows in which a replica takes over under load from a master that was killed, hangs, or is asked to step down, also one that
 * lags: the bridge goes on by itself, refuses nothing, and loses nothing but what the new master never had. One ingress
 * acknowledges as it does by default, one waits for a replica (REDIS_WAIT_REPLICAS) and so loses nothing at all.
 */
import type { TestContext } from 'node:test'
import { shardKeys } from '../../src/queue/keys.ts'
import { type Bridge, type Ingress, listening, startBridge } from '../support/bridge.ts'
import { judge, readLedger } from '../support/ledger.ts'
import { ackTimes, type Load, startLoad, total } from '../support/load.ts'
import {
  cutOff,
  heal,
  nodeArgs,
  type Server,
  sequences,
  settled,
  startSixNodes,
  startTrio,
  taken,
  takenOnDisk,
} from '../support/redis-ha.ts'
import { faultRow, isLong, type Row } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

const perSecond = isLong ? 100 : 50

/** How a master goes; `cut`: its replicas had been cut off before, and lack what it acknowledged since. */
type Fall = { readonly by: 'SIGKILL' | 'SIGSTOP' | 'asking'; readonly cut: boolean }

/** The servers of a row: a trio or six nodes. */
type Stage = {
  readonly env: Record<string, string>
  readonly shards: number
  readonly servers: readonly Server[]
  masterOf(key: string): Promise<Server>
  replicasOf(master: Server): Promise<Server[]>
  promoted(old: Server): Promise<Server>
  ask(): Promise<void>
  /** Waits until `old`, back again, is a replica. */
  follows(old: Server): Promise<void>
  /** Waits until all is as before. */
  whole(): Promise<void>
}

/** One way in, and what was sent through it. */
type Way = { readonly ingress: Ingress; readonly load: Load }

async function more(load: Load, count = isLong ? 200 : 40): Promise<void> {
  const before = load.count()
  await waitFor(() => load.count() >= before + count, { what: `${count} more acks` })
}

async function isStraight({ ingress }: Way): Promise<void> {
  await waitFor(
    async () => {
      const state = await ingress.readyz()
      return state?.redis.ready && state.spool.isEmpty
    },
    { limitMs: 60_000, what: 'events go straight again' },
  )
}

/** A master falls as often as `falls` says; afterwards the verdict on each way in. */
async function play(row: Row, t: TestContext, bridge: Bridge, stage: Stage, falls: readonly Fall[]): Promise<void> {
  const way = async (calls: string, env: Record<string, string>): Promise<Way> => {
    const ingress = await listening(await bridge.ingress({ ...stage.env, ...env }))
    await waitFor(async () => (await ingress.readyz())?.redis.ready, { what: 'the ingress has its redis' })
    const load = startLoad({ ports: () => [ingress.port], perSecond, lanes: 50, calls })
    t.after(() => load.stop())
    return { ingress, load }
  }
  // So slow that lanes are behind: what was processed before the master fell is not lost with it.
  const env = { ...stage.env, LEDGER_WORK_MS: '200' }
  bridge.worker(env)
  bridge.worker(env)
  const [plain, sure] = await Promise.all([way('1', {}), way('2', { REDIS_WAIT_REPLICAS: '1' })])
  await Promise.all([more(plain.load), more(sure.load)])

  const takenBack = new Set<string>()
  let straightMs = 0
  for (const fall of falls) {
    const old = await stage.masterOf(shardKeys(bridge.prefix, 0).heads)
    const replicas = await stage.replicasOf(old)
    if (fall.cut) {
      for (const replica of replicas) await cutOff(replica)
      await Promise.all([more(plain.load), more(sure.load)])
    }
    if (fall.by === 'asking') await stage.ask()
    else old.kill(fall.by)
    // What it has before it is asked to take over: nothing new comes to it.
    const had = await Promise.all(replicas.map((replica) => taken(replica, bridge.prefix, stage.shards)))
    const next = await stage.promoted(old)
    const promoted = performance.now()
    if (fall.by !== 'asking') {
      const kept = had[replicas.findIndex(({ port }) => port === next.port)]
      const all = await takenOnDisk(t, old, bridge.prefix, stage.shards)
      for (const id of all) if (!kept?.has(id)) takenBack.add(id)
    }
    for (const replica of replicas) await heal(replica)
    if (fall.by === 'asking') await stage.follows(old)
    await isStraight(plain)
    straightMs = Math.max(straightMs, performance.now() - promoted)
    if (fall.by === 'SIGSTOP') old.kill('SIGCONT')
    await more(plain.load)
    if (fall.by === 'SIGKILL') await old.restart()
    await stage.follows(old)
    // Only now is there a replica to confirm.
    await isStraight(sure)
    await more(sure.load)
    if (fall !== falls.at(-1)) await stage.whole()
  }

  const sent = [await plain.load.stop(), await sure.load.stop()] as const
  await settled([plain.ingress, sure.ingress], stage.masterOf, bridge.prefix, stage.shards)
  const verdict = bridge.verdict(sent[0])
  const beyond = verdict.lost.filter((id) => !takenBack.has(id)).length
  row.fact(
    'refused',
    sent.reduce((sum, { refused, broken }) => sum + total(refused) + total(broken), 0),
    0,
  )
  // A failover that is asked for leaves no copy of the old master to compare with.
  const isKnown = falls.every(({ by }) => by !== 'asking')
  if (isKnown) row.fact('lost beyond what Redis took back', beyond, 0)
  row.fact('lost with REDIS_WAIT_REPLICAS=1', bridge.verdict(sent[1]).lost.length, 0)
  // Judged is the past that Redis has in the end: not what it took back while a worker had it, and not what an old master took and
  // handed out in the moment in which it woke up. Both have sequences of their own.
  const kept = await sequences(stage.masterOf, bridge.prefix, stage.shards)
  const survived = readLedger(bridge.ledger).filter(({ eventId, sequence }) => kept.get(eventId) === sequence)
  row.fact('overtaken', judge(survived, []).overtaken.length, 0)
  if (falls.some(({ cut }) => cut)) row.fact('a replica lagged', takenBack.size > 0, true)
  row.figure('failovers', falls.length, { atLeast: 1 })
  row.figure('lost by default', verdict.lost.length, { atLeast: 0 })
  row.figure('Redis took back', takenBack.size, { atLeast: 0 })
  row.figure('done twice', verdict.repeated, { atLeast: 0 })
  row.figure('straight again after', straightMs / 1_000, { atMost: 5, unit: 's' })
  row.figure('ack max', ackTimes(sent[0]).maxMs, { below: 1_000, unit: 'ms' })
  row.figure('ack max with it', ackTimes(sent[1]).maxMs, { below: 1_000, unit: 'ms' })
}

async function trio(t: TestContext): Promise<{ bridge: Bridge; stage: Stage }> {
  const bridge = await startBridge(t)
  const servers = await startTrio(t, bridge.redis)
  const stage: Stage = {
    ...servers,
    shards: 1,
    masterOf: servers.master,
    replicasOf: servers.replicas,
    ask: servers.askFailover,
  }
  return { bridge, stage }
}

async function sixNodes(t: TestContext): Promise<{ bridge: Bridge; stage: Stage }> {
  const shards = 4
  const bridge = await startBridge(t, { redisArgs: await nodeArgs(), env: { SHARDS: String(shards) } })
  const nodes = await startSixNodes(t, bridge.redis)
  const key = shardKeys(bridge.prefix, 0).heads
  const replicasOf = async (master: Server) => [await nodes.replicaOf(master)]
  const stage: Stage = {
    ...nodes,
    shards,
    replicasOf,
    promoted: (old) => nodes.promoted(old, key),
    async ask() {
      const [replica] = await replicasOf(await nodes.masterOf(key))
      await replica?.look.call('CLUSTER', 'FAILOVER')
    },
  }
  return { bridge, stage }
}

const stopped: Fall = { by: 'SIGSTOP', cut: true }
const killed: Fall = { by: 'SIGKILL', cut: true }
const inStep: readonly Fall[] = [
  { by: 'SIGKILL', cut: false },
  { by: 'SIGSTOP', cut: false },
]
const asked: Fall = { by: 'asking', cut: false }

faultRow(
  'Sentinel failover',
  'a master hangs, its replica lags, and it comes back as an old master',
  async (t, row) => {
    const { bridge, stage } = await trio(t)
    await play(row, t, bridge, stage, row.pick([stopped], [stopped, killed]))
  },
)

faultRow('Cluster failover', 'the master of two shards of four is killed, its replica lags', async (t, row) => {
  const { bridge, stage } = await sixNodes(t)
  await play(row, t, bridge, stage, row.pick([killed], [killed, stopped]))
})

if (isLong) {
  faultRow('Sentinel failover', 'the replica does not lag', async (t, row) => {
    const { bridge, stage } = await trio(t)
    await play(row, t, bridge, stage, inStep)
  })

  faultRow('Sentinel failover', 'asked for, without a fault', async (t, row) => {
    const { bridge, stage } = await trio(t)
    await play(row, t, bridge, stage, [asked, asked])
  })

  faultRow('Sentinel failover', 'asked for, with min-replicas-to-write 1', async (t, row) => {
    const { bridge, stage } = await trio(t)
    for (const { look } of stage.servers) await look.call('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await play(row, t, bridge, stage, [asked, asked])
  })

  faultRow('Cluster failover', 'the replica does not lag', async (t, row) => {
    const { bridge, stage } = await sixNodes(t)
    await play(row, t, bridge, stage, inStep)
  })

  faultRow('Cluster failover', 'asked for, without a fault', async (t, row) => {
    const { bridge, stage } = await sixNodes(t)
    await play(row, t, bridge, stage, [asked, asked])
  })
}
