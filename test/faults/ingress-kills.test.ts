/**
 * Rows in which the ingress dies: what it acknowledged is in Redis, or on disk, where its successor or a neighbour takes it up.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { laneKeyOf, shardKeys } from '../../src/queue/keys.ts'
import { judgeRow, listening, startBridge } from '../support/bridge.ts'
import { startLoad, total } from '../support/load.ts'
import { freePort, inspect } from '../support/redis.ts'
import { faultRow } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

faultRow('Ingress kill -9 at any point', 'while Redis comes and goes', async (t, row) => {
  const bridge = await startBridge(t)
  const { redis } = bridge
  const port = await freePort()
  let ingress = await bridge.ingress({}, port)
  const workers = [bridge.worker(), bridge.worker()]
  const load = startLoad({ ports: () => [port], perSecond: 400, lanes: 50 })
  const nowAndThen = [
    async () => {
      redis.kill('SIGKILL')
      await redis.died()
    },
    async () => {},
    async () => await redis.restart(),
    async () => redis.kill('SIGSTOP'),
    async () => redis.kill('SIGCONT'),
  ]
  const kills = row.pick(20, 200)

  for (let kill = 0; kill < kills; kill += 1) {
    // Somewhere in the next events, around outages and drains too.
    const wanted = load.count() + 1 + Math.floor(Math.random() * 80)
    await waitFor(() => load.count() >= wanted, { everyMs: 1 })
    await nowAndThen[kill % nowAndThen.length]?.()
    if (kill % 2 === 0) await waitFor(() => load.count() >= wanted + Math.random() * 150, { everyMs: 1 })
    ingress.kill('SIGKILL')
    await ingress.exit
    ingress = await bridge.ingress({}, port)
  }
  await listening(ingress)
  if (kills % 5 === 4) redis.kill('SIGCONT')
  const sent = await load.stop()
  await bridge.settled([ingress])

  row.fact('kills', kills, kills)
  row.fact('refused', total(sent.refused), 0)
  judgeRow(row, bridge.verdict(sent))
  row.figure('acknowledged', load.count(), { atLeast: kills * 20 })
  const look = inspect(t, redis.url)
  for (const [lane, acked] of sent.acked) {
    const taken = await look.zrange(shardKeys(bridge.prefix, 0).call(laneKeyOf(lane)), '0', '-1')
    // Whatever was taken without an ack may be there too, but nothing twice.
    assert.equal(new Set(taken).size, taken.length)
    const ids = new Set(acked)
    assert.deepEqual(
      taken.filter((eventId) => ids.has(eventId)),
      acked,
    )
  }
  assert.equal(workers.filter(({ lines }) => lines.some(({ level }) => level === 'fatal')).length, 0)
  const parts = await readdir(join(bridge.spoolDir, `keys-${bridge.prefix}`))
  assert.deepEqual(
    parts.filter((name) => name.startsWith('making-')),
    [],
    'nothing half made is left',
  )
})

faultRow(
  'Several ingresses on one spool folder',
  'a dead one is adopted by a living one, a stopped one is not',
  async (t, row) => {
    const bridge = await startBridge(t)
    const [one, other, stopped] = await Promise.all([bridge.ingress(), bridge.ingress(), bridge.ingress()])
    await Promise.all([one, other, stopped].map(listening))
    bridge.worker()
    const loads = [one, other, stopped].map(({ port }, index) =>
      startLoad({ ports: () => [port], perSecond: 60, lanes: 15, calls: `${index + 1}` }),
    )
    const more = async (which: readonly number[], count: number) => {
      const wanted = loads.map((load) => load.count() + count)
      await waitFor(() => which.every((index) => loads[index]!.count() >= wanted[index]!), { limitMs: 60_000 })
    }
    await more([0, 1, 2], 50)
    bridge.redis.kill('SIGKILL')
    await bridge.redis.died()
    await more([0, 1, 2], row.pick(60, 600))

    stopped.kill('SIGSTOP')
    one.kill('SIGKILL')
    await one.exit
    const adopted = await other.line(({ msg }) => /taken over|adopt/.test(String(msg)))
    await more([1], row.pick(60, 600))
    // Its successor under another name finds nothing left of it, and a stopped one's part is not touched.
    const successor = await listening(await bridge.ingress())
    await bridge.redis.restart()
    await waitFor(async () => (await other.readyz())?.spool.isEmpty, { limitMs: 60_000 })
    stopped.kill('SIGCONT')
    await more([1, 2], 30)

    const sent = await Promise.all(loads.map((load) => load.stop()))
    await bridge.settled([other, stopped, successor])
    const all = { ...sent[0]!, acked: new Map(sent.flatMap(({ acked }) => [...acked])) }
    const verdict = bridge.verdict(all)
    row.fact(
      'refused',
      sent.reduce((sum, { refused }) => sum + total(refused), 0),
      0,
    )
    judgeRow(row, verdict)
    assert.ok(adopted)
    const takenFromStopped = other.lines.filter(({ msg }) => /taken over|adopt/.test(String(msg))).length
    row.fact('parts adopted', takenFromStopped, 1)
  },
)
