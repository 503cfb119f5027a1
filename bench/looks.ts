/**
 * What looking costs: a Redis of its own with 100,000 finished, 10,000 parked and 1,000 dead events; each look by itself, each page of
 * the admin process, and a minute in which one ops page refreshes itself. Prints times and Redis' share of one core.
 *   node -C source --import tsx bench/looks.ts [lanes of the parked: 10000] [seconds of polling: 60] [scale of all counts: 1]
 */
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../scripts/bootstrap/redis-server.ts'
import { loadConfig } from '../src/config.ts'
import type { NewEvent } from '../src/event/event.ts'
import type { Outcome } from '../src/event/outcome.ts'
import { createLog } from '../src/log.ts'
import { readActions } from '../src/queue/actions.ts'
import { listBlocked, listHeld } from '../src/queue/blocked.ts'
import { consume } from '../src/queue/consume.ts'
import { readDeadLetters } from '../src/queue/dead-letters.ts'
import { errorGroupsOf } from '../src/queue/error-groups.ts'
import { readProcesses } from '../src/queue/heartbeat.ts'
import { openLanes } from '../src/queue/lanes.ts'
import { overviewOf, readActivity } from '../src/queue/overview.ts'
import { openQueues } from '../src/queue/queues.ts'
import { readRedisHealth } from '../src/queue/redis-health.ts'
import { search } from '../src/queue/search.ts'
import { readTimeline } from '../src/queue/timeline.ts'
import { startRedis } from './support/redis.ts'
import { killEverything, openScope } from './support/scope.ts'

const scale = Number(process.argv[4] ?? 1)
const finished = 100_000 * scale
const parked = 10_000 * scale
const dead = 1_000 * scale
/** Lanes over which the parked ones are spread: the more, the longer the walk. */
const lanesOfParked = Number(process.argv[2] ?? 10_000) * scale
/** As often as the ops page refreshes itself. */
const pollEveryMs = 5_000
const seconds = Number(process.argv[3] ?? 60)

process.once('exit', killEverything)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const scope = openScope()
const { url } = await startRedis(scope, ['--save', '', '--appendonly', 'no'])
try {
  await run()
} finally {
  await scope.end()
}

async function run(): Promise<void> {
  const config = loadConfig({ REDIS_URL: url, ENQUEUE_TIMEOUT_MS: '4000' })
  const { redis, keys, lanes, ingress } = config
  const log = createLog({ level: 'silent' })
  const way = openLanes({ redis, keys, maxLaneEvents: 0, duplicateWindowMs: 0, log })
  const queues = openQueues({ redis, keys, sources: ingress.sources, timeZones: ingress.timeZones, log })
  await queues.ready(10_000)

  let number = 0
  const next = () => {
    number += 1
    return number
  }
  const put = async (count: number, laneOf: (index: number) => string, exten: string) => {
    for (let from = 0; from < count; from += 500) {
      const some = Array.from({ length: Math.min(500, count - from) }, (_, index) => from + index)
      await Promise.all(some.map((index) => way.enqueue(eventIn(laneOf(index), exten, next()))))
    }
  }
  const outcome = (exten: string): Outcome =>
    exten === 'dead' ? { status: 'dead', error: `CRM answered ${500 + (number % 9)}` } : { status: 'completed' }
  const worker = consume({ redis, keys, lanes, concurrency: 64, log }, async ({ data }) =>
    outcome(String((data as { exten?: string }).exten)),
  )
  const overview = overviewOf(queues)
  const fill = overviewOf(queues, { everyMs: 0 })
  await put(finished, (index) => `default/call:${1_700_000_000 + Math.floor(index / 10)}.1`, '991')
  await put(dead, (index) => `default/call:${1_600_000_000 + index}.1`, 'dead')
  while ((await fill()).lanes > 0) await pause(200)
  await worker.drain(5_000)
  await put(lanesOfParked + parked, (index) => `default/call:${1_800_000_000 + (index % lanesOfParked)}.1`, '992')
  const { completed, dead: letters, parked: behind, lanes: live } = await fill()
  process.stdout.write(`${completed} finished, ${letters} dead, ${behind} parked, ${live} lanes\n`)

  const groups = errorGroupsOf(queues)
  const looks: Record<string, () => Promise<unknown>> = {
    overview,
    activity: () => readActivity(queues),
    blocked: () => listBlocked(queues),
    held: () => listHeld(queues),
    'dead letters': () => readDeadLetters(queues),
    'error groups': groups,
    processes: () => readProcesses(queues),
    actions: () => readActions(queues),
    redis: () => readRedisHealth(queues),
    'search by number': () => search(queues, '991'),
    timeline: () => readTimeline(queues, 'default/call:1700000000.1'),
  }
  for (const [name, look] of Object.entries(looks)) {
    const times: number[] = []
    for (let turn = 0; turn < 5; turn += 1) {
      const startedAt = performance.now()
      await look()
      times.push(performance.now() - startedAt)
    }
    process.stdout.write(`${name.padEnd(18)}${times.map((ms) => ms.toFixed(1).padStart(8)).join('')} ms\n`)
  }

  const pages = await startAdmin()
  for (const page of ['/', '/dead', '/search?q=991', '/calls/1700000000.1', '/api/overview']) {
    const times: number[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      const startedAt = performance.now()
      const reply = await fetch(`${pages}${page}`)
      await reply.text()
      if (!reply.ok) throw new Error(`${page} answered ${reply.status}`)
      times.push(performance.now() - startedAt)
    }
    const [first = 0, ...later] = times
    later.sort((one, other) => one - other)
    const middle = later[Math.floor(later.length / 2)] ?? 0
    const figures = `first ${first.toFixed(0)} ms, then ${middle.toFixed(0)} ms at the median, ${later.at(-1)?.toFixed(0)} ms at most`
    process.stdout.write(`GET ${page.padEnd(22)}${figures}\n`)
  }

  const idle = await shareOf(async () => await pause((seconds * 1_000) / 2))
  const polling = await shareOf(async () => {
    const end = performance.now() + seconds * 1_000
    while (performance.now() < end) {
      await (await fetch(`${pages}/`)).text()
      await pause(pollEveryMs)
    }
  })
  process.stdout.write(
    `Redis: ${polling.toFixed(2)} % of one core while one ops page refreshes every ${pollEveryMs} ms, ${idle.toFixed(2)} % without\n`,
  )
  await way.close()
  await queues.close()

  /** The real process; its address once it answers. */
  async function startAdmin(): Promise<string> {
    const adminPort = await freePort()
    const env = { REDIS_URL: redis.url, ADMIN_PORT: `${adminPort}`, LOG_LEVEL: 'silent' }
    scope.start('admin', process.execPath, ['-C', 'source', '--import', 'tsx', 'src/main/admin.ts'], { env })
    const address = `http://127.0.0.1:${adminPort}`
    for (let turn = 0; turn < 200; turn += 1) {
      const reply = await fetch(`${address}/readyz`).catch(() => undefined)
      if (reply?.ok) return address
      await pause(50)
    }
    throw new Error('the admin does not answer')
  }

  async function shareOf(work: () => Promise<unknown>): Promise<number> {
    const before = await cpuSeconds()
    const startedAt = performance.now()
    await work()
    return (((await cpuSeconds()) - before) / ((performance.now() - startedAt) / 1_000)) * 100
  }

  async function cpuSeconds(): Promise<number> {
    const info = 'nodes' in queues.redis ? '' : await queues.redis.info('cpu')
    return [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].reduce((sum, [, used]) => sum + Number(used), 0)
  }
}

function eventIn(lane: string, exten: string, number: number): NewEvent {
  const callId = lane.slice(lane.indexOf(':') + 1)
  const body = JSON.stringify({
    event_name: 'NewState',
    cuid: callId,
    exten,
    state: 'Up',
    participant: '09120000101',
    filler: 'x'.repeat(400),
  })
  return {
    name: 'NewState',
    eventId: `bench-${number.toString(36).padStart(10, '0')}`,
    source: 'default',
    callId,
    lane,
    receivedAt: new Date(),
    data: { exten },
    problems: [],
    raw: { method: 'POST', path: '/', query: '', contentType: 'application/json', body, bodyEncoding: 'utf8' },
  } as unknown as NewEvent
}
