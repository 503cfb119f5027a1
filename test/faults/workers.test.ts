/**
 * Rows about workers: killed, stopped, blocked, or with processors that misbehave. Locks are those that ship (10 s).
 */
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { LaneEvent } from '../../src/queue/history.ts'
import { shardKeys } from '../../src/queue/keys.ts'
import { type Bridge, type Ingress, judgeRow, listening, startBridge } from '../support/bridge.ts'
import { wholeLane } from '../support/lanes.ts'
import { judge, type LedgerLine, readLedger } from '../support/ledger.ts'
import { type Load, post, startLoad, total } from '../support/load.ts'
import type { LogLine } from '../support/processes.ts'
import { freePort, inspect } from '../support/redis.ts'
import { faultRow, type Row } from '../support/row.ts'
import { waitFor } from '../support/wait.ts'
import { thrown } from './processors/lib/thrown.ts'

/** What test/faults/processors/act.ts writes. `at` is epoch milliseconds, `waitMs` since the ingress had the event. */
type Line = LedgerLine & { readonly at: number; readonly waitMs: number }

const lockMs = 10_000

async function scene(t: TestContext, env: Record<string, string> = {}) {
  const bridge = await startBridge(t, { env: { WORKERS_DIR: 'test/faults/processors', ...env } })
  const ingress = await listening(await bridge.ingress())
  await waitFor(async () => (await ingress.readyz())?.redis.ready)
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  t.after(() => agent.destroy())
  const look = inspect(t, bridge.redis.url)
  const keys = shardKeys(bridge.prefix, 0)

  return {
    bridge,
    ingress,
    look,
    keys,
    /** Posts an event for each act, to the lane of one call, and gives their ids. */
    put: async (call: string, ...acts: string[]): Promise<string[]> => {
      const ids: string[] = []
      for (const act of acts) {
        const body = JSON.stringify({ event_name: 'NewState', unique_id: call, state: 'Up', exten: '200', act })
        const { eventId, status } = await post(agent, ingress.port, body)
        if (eventId === undefined) throw new Error(`not acknowledged: ${status}`)
        ids.push(eventId)
      }
      return ids
    },
    lines: () => linesOf(bridge),
    seen: (isIt: (line: Line) => boolean, what?: string) =>
      waitFor(() => linesOf(bridge).find(isIt), { limitMs: 60_000, what: what ?? isIt.toString() }),
    history: async (call: string): Promise<readonly LaneEvent[]> =>
      (await wholeLane({ redis: look, shards: [keys] }, `default/call:${call}`)).events,
    active: () => look.llen(`${keys.base}:events:active`),
  }
}

const linesOf = ({ ledger }: Bridge): Line[] => readLedger<Line>(ledger)

const load = ({ port }: Ingress, perSecond: number, lanes = 50): Load =>
  startLoad({ ports: () => [port], perSecond, lanes })

async function more(running: Load, count: number): Promise<void> {
  const before = running.count()
  await waitFor(() => running.count() >= before + count, { limitMs: 120_000, what: `${count} more acks` })
}

const isReady = ({ msg }: LogLine) => msg === 'worker ready'

const doneOf = (lines: readonly Line[]) => lines.filter(({ what }) => what === 'done')

/** Ends the load, waits until all is processed, and judges what it and `put` sent. */
async function end(row: Row, bridge: Bridge, ingress: Ingress, running: Load, put: readonly string[] = []) {
  const sent = await running.stop()
  await bridge.settled([ingress])
  row.fact('refused', total(sent.refused) + total(sent.broken), 0)
  sent.acked.set('put', [])
  judgeRow(row, bridge.verdict(sent))
  const lines = linesOf(bridge)
  row.fact('lost of the others', judge(lines, put).lost.length, 0)
}

/** The longest turn of the event loop that a process tells of since it was asked last, in seconds. */
async function lagSeen(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1] ?? 0)
}

/** What the finishes of `pid` came to that another worker had taken over from: how many there were, how many counted. */
async function staleSettles(
  history: (call: string) => Promise<readonly LaneEvent[]>,
  lines: readonly Line[],
  pid: number,
) {
  const starts = lines.filter(({ what }) => what === 'start')
  const stale = doneOf(lines).filter(
    ({ eventId, run, at, ...done }) =>
      done.pid === pid && starts.some((start) => start.eventId === eventId && start.run > run && start.at < at),
  )
  let accepted = 0
  for (const { lane, eventId, run } of stale) {
    const events = await history(lane.slice('default/call:'.length))
    const attempts = events.find((event) => event.eventId === eventId)?.attempts ?? []
    const counted = attempts.some((attempt) => attempt.run === run && attempt.outcome === 'completed')
    // A put-back that counted would have started it once more.
    if (counted || attempts.filter(({ outcome }) => outcome === 'completed').length !== 1) accepted += 1
  }
  return { stale: stale.length, accepted }
}

faultRow('Worker kill -9 mid job', 'the same event first, its lane held, other lanes go on', async (t, row) => {
  const { bridge, ingress, put, lines, seen } = await scene(t)
  const workers = [bridge.worker(), bridge.worker()]
  const running = load(ingress, 60)
  const others: string[] = []
  let slowestMs = 0
  let heldInTurn = true

  for (let round = 1; round <= row.pick(1, 5); round += 1) {
    // Both at work and the backlog of their start gone: else the one that is killed may have every lane in hand.
    await Promise.all(workers.map((worker) => worker.line(isReady)))
    const doneBefore = doneOf(lines()).length
    await waitFor(() => doneOf(lines()).length >= doneBefore + 150, { what: 'both workers are at work' })
    const held = await put(`held.${round}`, 'gate', '', '')
    others.push(...held)
    const first = await seen(({ what, eventId }) => what === 'start' && eventId === held[0])
    const at = workers.findIndex(({ pid }) => pid === first.pid)
    workers[at]?.kill('SIGKILL')
    const killedAt = Date.now()
    const second = await seen(({ what, eventId, run }) => what === 'start' && eventId === held[0] && run > 1)
    const meanwhile = doneOf(lines()).filter(
      ({ at, eventId }) => at > killedAt && at < second.at && !held.includes(eventId),
    )
    row.fact(`others went on before the takeover ${round}`, meanwhile.length >= 20, true)
    slowestMs = Math.max(slowestMs, second.at - killedAt)
    await seen(({ what, eventId }) => what === 'done' && eventId === held[2])
    const order = doneOf(lines()).filter(({ eventId }) => held.includes(eventId))
    heldInTurn &&= order.map(({ eventId }) => eventId).join() === held.join()
    workers[at] = bridge.worker()
  }

  await end(row, bridge, ingress, running, others)
  row.fact('held lanes in turn', heldInTurn, true)
  row.figure('recovered', slowestMs / 1_000, { atMost: 15, unit: 's' })
})

faultRow('Processor never settles', 'its own timeout ends it, and the slot is free', async (t, row) => {
  const timeoutMs = 1_000
  const { bridge, ingress, put, lines, history } = await scene(t, {
    PROCESSOR_TIMEOUT_MS: String(timeoutMs),
    ATTEMPTS: '2',
    BACKOFF_FIRST_MS: '1',
    // One slot: nothing else starts before it is given back.
    WORKER_CONCURRENCY: '1',
  })
  const rounds = row.pick(2, 10)
  const hung: string[] = []
  const behind: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    const [first = '', second = ''] = await put(`hung.${round}`, 'hang', '')
    hung.push(first)
    behind.push(second)
  }

  bridge.worker()
  await bridge.settled([ingress])

  const all = lines()
  let slowestMs = 0
  let attempts = 0
  let failed = 0
  for (const [round, id] of hung.entries()) {
    const { attempts: told = [], state } = (await history(`hung.${round}`)).find(({ eventId }) => eventId === id) ?? {}
    attempts += told.filter(({ error }) => /no end after 1000 ms/.test(error ?? '')).length
    if (state === 'dead') failed += 1
    slowestMs = Math.max(slowestMs, ...told.map(({ durationMs }) => durationMs))
  }
  const starts = all.filter(({ what }) => what === 'start')
  const gaps = starts.slice(1).map(({ at }, index) => at - (starts[index]?.at ?? 0))
  row.fact('attempts failed by their timeout', attempts, 2 * rounds)
  row.fact('signals aborted', all.filter(({ what }) => what === 'fail').length, 2 * rounds)
  row.fact('dead letters', failed, rounds)
  row.fact('lanes that went on', doneOf(all).filter(({ eventId }) => behind.includes(eventId)).length, rounds)
  row.figure('attempt ended after', slowestMs / 1_000, { atMost: timeoutMs / 1_000 + 1, unit: 's' })
  row.figure('slot taken again after', Math.max(...gaps) / 1_000, { atMost: timeoutMs / 1_000 + 1, unit: 's' })
})

faultRow('Processor throws anything', 'a readable error, then retry or dead letter', async (t, row) => {
  const { bridge, ingress, put, lines, history, active } = await scene(t, {
    ATTEMPTS: '2',
    BACKOFF_FIRST_MS: '1',
    RETRY_LATER_MAX_MS: '20',
  })
  const kinds = Object.keys(thrown)
  for (const kind of kinds) await put(kind, kind, '')

  const worker = bridge.worker()
  await bridge.settled([ingress])

  const told = await Promise.all(kinds.map(async (kind) => (await history(kind))[0]))
  const isReadable = (text: string | undefined) =>
    text !== undefined && text.trim() !== '' && Buffer.byteLength(text) <= 1_024 && !/\[object|\n\s+at /.test(text)
  row.fact(
    'kinds thrown',
    new Set(
      lines()
        .filter(({ what }) => what === 'fail')
        .map(({ lane }) => lane),
    ).size,
    kinds.length,
  )
  row.fact('left active', await active(), 0)
  row.fact('dead letters', told.filter((event) => event?.state === 'dead').length, kinds.length)
  row.fact(
    'with a readable error',
    told.filter((event) => isReadable(event?.attempts.at(-1)?.error)).length,
    kinds.length,
  )
  row.fact('lanes that went on', doneOf(lines()).length, kinds.length)
  row.fact('the worker lives', worker.lines.filter(({ msg }) => msg === 'worker failed').length, 0)
})

faultRow('Event loop blocked beyond the lock', 'a stale holder neither settles nor advances', async (t, row) => {
  const { bridge, ingress, put, lines, seen, history, active, look, keys } = await scene(t, {
    // Longer than a takeover may take: the lock, and two rounds of the check for stalled jobs.
    BLOCK_MS: String(row.pick(1.6, 2) * lockMs),
  })
  const metricsPorts = new Map<number, number>()
  for (let count = 0; count < 3; count += 1) {
    const port = await freePort()
    metricsPorts.set(bridge.worker({ METRICS_PORT: String(port) }).pid, port)
  }
  const running = load(ingress, 60)
  await more(running, 100)
  const others: string[] = []
  const blockers = new Set<number>()

  for (let round = 1; round <= row.pick(1, 3); round += 1) {
    const blocked = await put(`blocked.${round}`, 'block', '', '')
    others.push(...blocked)
    blockers.add((await seen(({ what, eventId }) => what === 'start' && eventId === blocked[0])).pid)
    // Both have come to its end: the one that took over, and the stale one.
    await waitFor(() => doneOf(lines()).filter(({ eventId }) => eventId === blocked[0]).length === 2, {
      limitMs: 60_000,
      what: 'two starts of the blocking event have ended',
    })
  }

  await end(row, bridge, ingress, running, others)
  let [stale, accepted] = [0, 0]
  for (const pid of blockers) {
    const found = await staleSettles(history, lines(), pid)
    stale += found.stale
    accepted += found.accepted
  }
  const lags = await Promise.all([...blockers].map((pid) => lagSeen(metricsPorts.get(pid) ?? 0)))
  row.fact(
    'lag seen',
    lags.every((seconds) => seconds * 1_000 > lockMs),
    true,
  )
  row.fact('stale settles seen', stale >= blockers.size, true)
  row.fact('stale settles accepted', accepted, 0)
  row.fact('left active', await active(), 0)
  row.fact('dead letters', await look.zcard(keys.failed), 0)
})

faultRow('Two workers, same event after a stall', 'the stale holder is refused', async (t, row) => {
  const { bridge, ingress, put, lines, seen, history, look, keys } = await scene(t)
  const calls = row.pick(20, 60)
  const rounds = row.pick(1, 3)
  const sent: string[] = []
  const running = load(ingress, 60)
  let [stale, accepted] = [0, 0]

  for (let round = 1; round <= rounds; round += 1) {
    const stopped = bridge.worker()
    const gates = [`gate-plain-${round}`, `gate-held-${round}`] as const
    const held: string[] = []
    for (let call = 0; call < calls; call += 1) {
      const [first = '', second = ''] = await put(`${round}.${call}`, gates[call % 2] ?? '', '')
      held.push(first)
      sent.push(first, second)
    }
    const startsOf = (isIt: (line: Line) => boolean) =>
      lines().filter((line) => line.what === 'start' && held.includes(line.eventId) && isIt(line)).length
    await waitFor(() => startsOf(({ pid }) => pid === stopped.pid) === calls, { what: 'all of them started' })

    stopped.kill('SIGSTOP')
    const other = bridge.worker()
    await waitFor(() => startsOf(({ pid }) => pid === other.pid) === calls, { limitMs: 60_000, what: 'all taken over' })
    // Half of them are finished elsewhere by now, the other half is still held there.
    for (const gate of gates) writeFileSync(`${bridge.ledger}.${gate}`, '')
    await waitFor(
      () =>
        doneOf(lines()).filter(({ eventId, pid }) => held.includes(eventId) && pid === other.pid).length === calls / 2,
    )
    stopped.kill('SIGCONT')
    await waitFor(
      () =>
        doneOf(lines()).filter(({ eventId, pid }) => held.includes(eventId) && pid === stopped.pid).length === calls,
    )
    // It has had its answers once it has finished another event.
    const [later = ''] = await put(`later.${round}`, '')
    sent.push(later)
    await seen(({ what, eventId }) => what === 'done' && eventId === later)
    writeFileSync(`${bridge.ledger}.${gates[1]}.held`, '')
    await waitFor(
      () => doneOf(lines()).filter(({ eventId, pid }) => held.includes(eventId) && pid === other.pid).length === calls,
    )
    const found = await staleSettles(history, lines(), stopped.pid)
    stale += found.stale
    accepted += found.accepted
    for (const worker of [stopped, other]) {
      worker.kill('SIGTERM')
      await worker.exit
    }
  }

  bridge.worker()
  await end(row, bridge, ingress, running, sent)
  // Beside those held on purpose, whatever the stopped worker had in hand of the load.
  row.fact('stale settles tried', stale >= calls * rounds, true)
  row.fact('stale settles accepted', accepted, 0)
  row.fact('dead letters', await look.zcard(keys.failed), 0)
})

/** The event in the middle of `waits`, in milliseconds. */
function median(waits: readonly number[]): number {
  return waits.toSorted((one, other) => one - other)[Math.floor(waits.length / 2)] ?? Number.NaN
}

/** How long the events of a load waited from the ingress to their first start. */
function waitsOf(lines: readonly Line[], running: Load): number[] {
  const ids = new Set([...running.sent.acked.values()].flat())
  return lines
    .filter(({ what, run, eventId }) => what === 'start' && run === 1 && ids.has(eventId))
    .map(({ waitMs }) => waitMs)
}

faultRow(
  'Poison payload',
  'attempts, then a dead letter, and its lane goes on; other lanes unaffected',
  async (t, row) => {
    const attempts = row.pick(4, 6)
    const firstMs = 200
    const { bridge, ingress, put, lines, seen, history } = await scene(t, {
      ATTEMPTS: String(attempts),
      BACKOFF_FIRST_MS: String(firstMs),
    })
    for (const worker of [bridge.worker(), bridge.worker()]) await worker.line(isReady)
    const running = load(ingress, 60)
    await more(running, row.pick(60, 600))
    const before = waitsOf(lines(), running).length

    const calls = row.pick(2, 20)
    const poison: string[] = []
    const behind: string[] = []
    for (let call = 0; call < calls; call += 1) {
      const [first = '', ...others] = await put(`poison.${call}`, 'error', '', '')
      poison.push(first)
      behind.push(...others)
    }
    for (const id of behind) await seen(({ what, eventId }) => what === 'done' && eventId === id)
    await more(running, row.pick(60, 600))
    const sent = await running.stop()
    await bridge.settled([ingress])
    const all = lines()
    // What is dead is over, which a ledger of starts and ends does not tell.
    const others = all.filter(({ lane }) => !lane.includes('poison'))
    const verdict = judge(others, [...sent.acked.values()].flat())

    let slowestMs = 0
    let dead = 0
    for (let call = 0; call < calls; call += 1) {
      const [first, second] = await history(`poison.${call}`)
      if (first?.state === 'dead') dead += 1
      slowestMs = Math.max(slowestMs, (second?.attempts[0]?.startedAt ?? 0) - (first?.attempts[0]?.startedAt ?? 0))
    }
    const started = (ids: readonly string[]) =>
      all.filter(({ what, eventId }) => what === 'start' && ids.includes(eventId))
    const lastFailure = (lane: string) => all.findLastIndex((line) => line.lane === lane && line.what === 'fail')
    row.fact('refused', total(sent.refused) + total(sent.broken), 0)
    row.fact('lost', verdict.lost.length + judge(all, behind).lost.length, 0)
    row.fact('overtaken', verdict.overtaken.length, 0)
    row.fact(
      'started too early',
      started(behind).filter((line) => all.indexOf(line) < lastFailure(line.lane)).length,
      0,
    )
    row.fact('attempts of each', started(poison).length / calls, attempts)
    row.fact('dead letters', dead, calls)
    row.fact('started behind them', started(behind).length, behind.length)
    const waits = waitsOf(others, running)
    const backoffs = firstMs * (2 ** (attempts - 1) - 1)
    row.figure('lane held', slowestMs / 1_000, { atMost: backoffs / 1_000, unit: 's' })
    row.figure('others waited, of before', median(waits.slice(before)) / median(waits.slice(0, before)), { below: 1.5 })
  },
)

faultRow('Thousands of blocked lanes', 'other lanes wait no longer', async (t, row) => {
  const env = { DEAD_HEAD: 'block' }
  const [free, full] = [await scene(t, env), await scene(t, env)]
  for (const { bridge } of [free, full]) await bridge.worker().line(isReady)

  const lanes = row.pick(300, 5_000)
  const calls = Array.from({ length: lanes }, (_, call) => call)
  const sender = async () => {
    for (let call = calls.pop(); call !== undefined; call = calls.pop()) await full.put(`blocked.${call}`, 'refuse', '')
  }
  await Promise.all(Array.from({ length: 16 }, sender))
  await waitFor(async () => (await full.look.hlen(full.keys.blocked)) === lanes, { limitMs: 120_000 })

  // Side by side, so that whatever else the machine does concerns both.
  const waits = await Promise.all(
    [free, full].map(async ({ bridge, ingress, lines }) => {
      const running = startLoad({ ports: () => [ingress.port], perSecond: 50, lanes: 50 })
      await more(running, row.pick(100, 3_000))
      const sent = await running.stop()
      const ids = [...sent.acked.values()].flat()
      await waitFor(() => judge(lines(), ids).lost.length === 0, { limitMs: 60_000, what: 'all of them are done' })
      row.fact('refused', total(sent.refused) + total(sent.broken), 0)
      row.fact('overtaken', bridge.verdict(sent).overtaken.length, 0)
      return waitsOf(lines(), running)
    }),
  )

  row.fact('lanes still blocked', await full.look.hlen(full.keys.blocked), lanes)
  row.fact(
    'started behind a blocked head',
    full.lines().filter(({ lane, what }) => lane.includes('blocked') && what === 'start').length - lanes,
    0,
  )
  const [base = [], beside = []] = waits
  row.figure('median wait, of that without', median(beside) / median(base), { below: 1.2 })
})

faultRow('Clock steps', 'order by sequence, timers monotonic', async (t, row) => {
  const bridge = await startBridge(t, { env: { LEDGER_FAIL: '0.1', LEDGER_WORK_MS: '20' } })
  const hourMs = 3_600_000
  const stepped = (name: string) => {
    const file = join(bridge.spoolDir, '..', `clock-${name}`)
    const preload = pathToFileURL('test/support/clock.mjs').href
    return {
      env: { CLOCK_FILE: file, NODE_OPTIONS: `--import=${preload}` },
      by: (shiftMs: number) => writeFileSync(file, String(shiftMs)),
    }
  }
  const clocks = { ingress: stepped('ingress'), one: stepped('one'), other: stepped('other') }
  const ingress = await listening(await bridge.ingress({ ...clocks.ingress.env, LOG_LEVEL: 'debug' }))
  const workers = [bridge.worker(clocks.one.env), bridge.worker(clocks.other.env)]
  const running = load(ingress, 100)
  const goesOn = async () => {
    const done = doneOf(linesOf(bridge)).length
    await more(running, row.pick(50, 500))
    await waitFor(() => doneOf(linesOf(bridge)).length >= done + row.pick(30, 300), { what: 'events are processed' })
  }
  await goesOn()

  for (let round = 0; round < row.pick(1, 5); round += 1) {
    for (const [ingressMs, oneMs, otherMs] of [
      [hourMs, 0, 0],
      [hourMs, hourMs, -hourMs],
      [-hourMs, -hourMs, hourMs],
      [0, -hourMs, -hourMs],
      [0, 0, 0],
    ] as const) {
      clocks.ingress.by(ingressMs)
      clocks.one.by(oneMs)
      clocks.other.by(otherMs)
      await goesOn()
    }
  }
  // A retry that was set while the clock was ahead waits for that clock: it comes once more.
  for (const clock of [clocks.one, clocks.other]) clock.by(hourMs)

  const stamps = [ingress, ...workers].map(({ lines }) => lines.map(({ time }) => Date.parse(String(time))))
  await end(row, bridge, ingress, running)
  row.fact('clocks that stepped', stamps.filter((times) => Math.max(...times) - Math.min(...times) > hourMs).length, 3)
})

for (const [windowMs, events] of [
  [0, 5],
  [60_000, 1],
] as const) {
  faultRow(
    'Same delivery 5 times at once',
    windowMs === 0
      ? 'without a window, five events each'
      : 'with a window of 60,000 ms, one event and five times its id',
    async (t, row) => {
      const { bridge, ingress, lines } = await scene(t, { DUPLICATE_WINDOW_MS: String(windowMs) })
      bridge.worker()
      const agent = new Agent({ keepAlive: true, maxSockets: 50 })
      t.after(() => agent.destroy())
      const ids = new Set<string>()
      let oddAnswers = 0
      const deliver = async (call: number) => {
        const body = JSON.stringify({ event_name: 'NewState', unique_id: `same.${call}`, state: 'Up', exten: '200' })
        const answers = await Promise.all(Array.from({ length: 5 }, () => post(agent, ingress.port, body)))
        const found = new Set(answers.flatMap(({ eventId }) => eventId ?? []))
        if (answers.some(({ status }) => status !== 200) || found.size !== events) oddAnswers += 1
        for (const id of found) ids.add(id)
      }
      const deliveries = row.pick(100, 1_000)
      for (let call = 0; call < deliveries; call += 10) {
        await Promise.all(Array.from({ length: 10 }, (_, index) => deliver(call + index)))
      }
      await bridge.settled([ingress])

      row.fact('deliveries not answered so', oddAnswers, 0)
      row.fact('events', ids.size, deliveries * events)
      row.fact('lost', judge(lines(), [...ids]).lost.length, 0)
      row.fact('events nobody was told of', new Set(lines().map(({ eventId }) => eventId)).size - ids.size, 0)
      row.fact('overtaken', judge(lines(), [...ids]).overtaken.length, 0)
    },
  )
}
