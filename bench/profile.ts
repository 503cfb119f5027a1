/**
 * `npm run bench -- profile`: one process of the bridge under the load of a case, and where its CPU goes.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ProfileTarget } from './options.ts'
import { type CpuProfile, selfTimes } from './self-times.ts'
import type { Built } from './support/build.ts'
import { completedSets, fill } from './support/drain.ts'
import { type BridgeOptions, type Measurement, openMeasurement } from './support/measurement.ts'
import { commandStats, type RedisServer } from './support/redis.ts'
import { openScope, type Started } from './support/scope.ts'
import { cpuSecondsOf } from './support/system.ts'
import { layOut, numberText } from './table.ts'

const shownFunctions = 40
const folder = fileURLToPath(new URL('../.data/bench/', import.meta.url))

/** What was seen of the process between two signals. */
type Seen = {
  readonly events: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly redisCpuSeconds: number
  readonly commands: Awaited<ReturnType<typeof commandStats>>
  readonly profile: CpuProfile
}

/** Measures and returns the text to print. */
export async function profile(target: ProfileTarget, file: Built, isQuick: boolean): Promise<string> {
  const scope = openScope()
  try {
    const m = openMeasurement(scope, file, isQuick)
    const path = join(scope.folder(), 'cpuprofile')
    const options = { env: { BENCH_PROFILE: path }, flags: ['--import', file('bench/load/profiler.ts')] }
    const seconds = isQuick ? 1 : 6
    const seen =
      target === 'ingress' ? await ingress(m, options, path, seconds) : await worker(m, options, path, seconds)
    mkdirSync(folder, { recursive: true })
    const kept = join(folder, `${target}.cpuprofile`)
    renameSync(path, kept)
    return `${report(seen)}\nThe profile, for the developer tools of a browser: .data/bench/${target}.cpuprofile\n`
  } finally {
    await scope.end()
  }
}

async function ingress(m: Measurement, options: BridgeOptions, path: string, seconds: number): Promise<Seen> {
  const redis = await m.redis()
  const server = await m.ingress(redis, options)
  const acked = async () => {
    const text = await (await fetch(server.metrics)).text()
    return Number(/^bridge_ack_seconds_count (\d+)/m.exec(text)?.[1] ?? 0)
  }
  const load = m.load(server, { warmUpMs: 2_000, measureMs: (seconds + 1) * 1_000 })
  const seen = pause(2_500).then(() => watch(redis, server.process, path, seconds, acked))
  await Promise.all([load, seen])
  return await seen
}

async function worker(m: Measurement, options: BridgeOptions, path: string, seconds: number): Promise<Seen> {
  const redis = await m.redis()
  await fill(m, redis, { side: 'bridge', lanes: m.isQuick ? 2_500 : 20_000, perLane: 8 })
  const started = m.worker(redis, options)
  const done = () => redis.client.zcard(completedSets.bridge)
  while ((await done()) < 2_000) await pause(20)
  return watch(redis, started, path, seconds, done)
}

async function watch(
  { client, process: server }: RedisServer,
  { pid }: Started,
  path: string,
  seconds: number,
  count: () => Promise<number>,
): Promise<Seen> {
  await client.config('RESETSTAT')
  const since = {
    at: performance.now(),
    events: await count(),
    cpu: cpuSecondsOf(pid),
    redis: cpuSecondsOf(server.pid),
  }
  process.kill(pid, 'SIGWINCH')
  await pause(seconds * 1_000)
  const events = (await count()) - since.events
  const cpuSeconds = cpuSecondsOf(pid) - since.cpu
  const redisCpuSeconds = cpuSecondsOf(server.pid) - since.redis
  const took = (performance.now() - since.at) / 1_000
  const commands = await commandStats(client)
  process.kill(pid, 'SIGWINCH')
  return { events, seconds: took, cpuSeconds, redisCpuSeconds, commands, profile: await readWhole(path) }
}

async function readWhole(path: string): Promise<CpuProfile> {
  for (let turn = 0; turn < 400; turn += 1) {
    try {
      if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
    } catch {
      // It is being written.
    }
    await pause(50)
  }
  throw new Error('the process wrote no profile')
}

function report({ events, seconds, cpuSeconds, redisCpuSeconds, commands, profile }: Seen): string {
  const { functions, places, busyMicroseconds } = selfTimes(profile)
  const perEvent = (microseconds: number) => numberText(microseconds / events)
  const share = (microseconds: number) => `${((100 * microseconds) / busyMicroseconds).toFixed(1)} %`
  const rows = (times: ReadonlyMap<string, number>, limit: number) =>
    [...times]
      .sort(([, one], [, other]) => other - one)
      .slice(0, limit)
      .map(([name, time]) => [share(time), perEvent(time), name])
  const sent = [...commands].sort(([, one], [, other]) => other.microseconds - one.microseconds)
  return [
    `${events} events in ${numberText(seconds)} s, ${numberText(events / seconds)} a second; ` +
      `CPU per event: ${perEvent(cpuSeconds * 1e6)} µs, and ${perEvent(redisCpuSeconds * 1e6)} µs of Redis. ` +
      'The profiler costs some of it.\n\n',
    layOut([['busy', 'µs/event', 'by package or file'], ...rows(places, shownFunctions)], false),
    '\n',
    layOut([['busy', 'µs/event', 'by function'], ...rows(functions, shownFunctions)], false),
    '\n',
    layOut(
      [
        ['calls/event', 'µs/event', 'command of Redis (a script holds the commands that it calls)'],
        ...sent.map(([name, { calls, microseconds }]) => [numberText(calls / events), perEvent(microseconds), name]),
      ],
      false,
    ),
  ].join('')
}
