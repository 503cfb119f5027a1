/**
 * The long soak: the ingress and the workers are killed at random, Redis is killed and stopped in between, under load. What was
 * acknowledged is processed, in order. `SOAK_EVENTS` and `SOAK_KILLS` (of ingress and workers each) make it shorter or longer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { judgeRow, listening, startBridge } from '../support/bridge.ts'
import { ackTimes, startLoad, total } from '../support/load.ts'
import { freePort } from '../support/redis.ts'
import { faultRow } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'

const events = Number(process.env['SOAK_EVENTS'] ?? 100_000)
const kills = Number(process.env['SOAK_KILLS'] ?? 200)

/** Milliseconds, at random around `mean`. */
const about = (mean: number) => mean * (0.3 + Math.random() * 1.4)

faultRow('Soak', `${kills} kills of the ingress, ${kills} of workers, Redis killed and stopped`, async (t, row) => {
  const begun = performance.now()
  const bridge = await startBridge(t, { env: { LOG_LEVEL: 'error', LEDGER_WORK_MS: '5', LEDGER_FAIL: '0.02' } })
  const { redis } = bridge
  const port = await freePort()
  let ingress = await listening(await bridge.ingress({}, port))
  const workers = [bridge.worker(), bridge.worker(), bridge.worker()]
  const load = startLoad({ ports: () => [port], perSecond: 450, lanes: 300 })
  /** What killed ingresses said at error or above: of an event that was refused there is nothing else. */
  const complaints: unknown[] = []
  const done = { ingress: 0, worker: 0, redisKills: 0, redisStops: 0 }
  const goesOn = () => done.ingress < kills || done.worker < kills || load.count() < events

  const killIngress = async () => {
    while (goesOn()) {
      await pause(about(2_000))
      ingress.kill('SIGKILL')
      await ingress.exit
      complaints.push(...ingress.lines)
      done.ingress += 1
      ingress = await bridge.ingress({}, port)
      await listening(ingress)
    }
  }
  const killWorkers = async () => {
    while (goesOn()) {
      await pause(about(2_000))
      const which = done.worker % workers.length
      workers[which]?.kill('SIGKILL')
      done.worker += 1
      workers[which] = bridge.worker()
    }
  }
  const troubleRedis = async () => {
    while (goesOn()) {
      await pause(about(12_000))
      redis.kill('SIGKILL')
      await redis.died()
      await pause(about(1_500))
      await redis.restart()
      done.redisKills += 1
      await pause(about(12_000))
      redis.kill('SIGSTOP')
      await pause(about(2_000))
      redis.kill('SIGCONT')
      done.redisStops += 1
    }
  }
  const progress = setInterval(() => {
    const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
    console.log(`… ${minutes} min: ${load.count()} acknowledged, ${JSON.stringify(done)}`)
  }, 30_000)
  t.after(() => clearInterval(progress))

  await Promise.all([killIngress(), killWorkers(), troubleRedis()])
  const sent = await load.stop()
  await waitFor(() => ingress.readyz())
  await bridge.settled([ingress], 300_000)

  for (const line of [...complaints, ...ingress.lines].slice(0, 20)) console.log(`… ${JSON.stringify(line)}`)
  row.fact('refused', total(sent.refused), 0)
  judgeRow(row, bridge.verdict(sent))
  row.figure('acknowledged', load.count(), { atLeast: events })
  row.figure('ingress kills', done.ingress, { atLeast: kills })
  row.figure('worker kills', done.worker, { atLeast: kills })
  row.figure('redis kills', done.redisKills, { atLeast: 1 })
  row.figure('redis stops', done.redisStops, { atLeast: 1 })
  row.figure('ack p99 while listening', ackTimes(sent).p99Ms, { below: 10_000, unit: 'ms' })
  row.figure('took', (performance.now() - begun) / 60_000, { atLeast: 0, unit: 'min' })
})
