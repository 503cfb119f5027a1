/**
 * A whole bridge of real processes: a Redis of its own, ingresses and workers that a test may kill, a ledger of what the
 * processors did, and the verdict of that ledger against the one of the sender.
 */
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { shardKeys } from '../../src/queue/keys.ts'
import { judge, readLedger, turnedRound, type Verdict } from './ledger.ts'
import type { Sent } from './load.ts'
import { type BridgeProcess, startProcess } from './processes.ts'
import { freePort, inspect, type OwnRedis, startRedis, uniquePrefix } from './redis.ts'
import type { Row } from './row.ts'
import { waitFor } from './wait.ts'

export type Ingress = BridgeProcess & {
  readonly port: number
  /** What /readyz answers; undefined while nobody listens. */
  readyz(): Promise<Readiness | undefined>
}

export type Readiness = {
  readonly ok: boolean
  readonly redis: { readonly ready: boolean; readonly detail: string }
  readonly spool: { readonly ready: boolean; readonly isEmpty: boolean } & Readonly<Record<string, unknown>>
}

export type Bridge = {
  readonly redis: OwnRedis
  readonly prefix: string
  readonly spoolDir: string
  /** The ledger that processors write; see test/e2e/processors/ledger.ts. */
  readonly ledger: string
  /** Starts an ingress and does not wait for it: on `port` if given, else on a free one. */
  ingress(env?: Record<string, string>, port?: number): Promise<Ingress>
  /** Starts a worker and does not wait for it. */
  worker(env?: Record<string, string>): BridgeProcess
  /** Waits until nothing is in a spool and every lane is empty. */
  settled(ingresses: readonly Ingress[], limitMs?: number): Promise<void>
  verdict(sent: Sent): Verdict
}

export type BridgeOptions = {
  /** Settings of every process. */
  readonly env?: Record<string, string>
  /** Where processes look for Redis, if not at its own address: a proxy before it. */
  readonly redisUrl?: (redis: OwnRedis) => Promise<string>
  readonly redisArgs?: readonly string[]
}

/** Starts a Redis; nothing else until it is asked for. Everything ends with the test. */
export async function startBridge(
  t: TestContext,
  { env = {}, redisUrl, redisArgs = [] }: BridgeOptions = {},
): Promise<Bridge> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-row-'))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const redis = await startRedis(t, ...redisArgs)
  const ledger = join(dir, 'ledger.ndjson')
  writeFileSync(ledger, '')
  const prefix = uniquePrefix()
  const spoolDir = join(dir, 'spool')
  const common = {
    REDIS_URL: redisUrl === undefined ? redis.url : await redisUrl(redis),
    KEY_PREFIX: prefix,
    INGRESS_HOST: '127.0.0.1',
    SPOOL_DIR: spoolDir,
    WORKERS_DIR: 'test/e2e/processors',
    LEDGER_FILE: ledger,
    ...env,
  }
  const look = inspect(t, redis.url)

  return {
    redis,
    prefix,
    spoolDir,
    ledger,
    async ingress(changes = {}, wanted) {
      const port = wanted ?? (await freePort())
      const settings = { ...common, INGRESS_PORT: String(port), ...changes }
      return { ...startProcess(t, 'ingress', settings), port, readyz: () => readyz(port) }
    },
    worker: (changes = {}) => startProcess(t, 'worker', { ...common, ...changes }),
    async settled(ingresses, limitMs = 120_000) {
      for (const { readyz } of ingresses) {
        await waitFor(async () => (await readyz())?.spool.isEmpty, { limitMs, what: 'the spool is empty' })
      }
      const { heads } = shardKeys(prefix, 0)
      await waitFor(async () => (await look.hlen(heads)) === 0, { limitMs, everyMs: 50, what: 'every lane is empty' })
    },
    verdict({ acked }) {
      const lines = readLedger(ledger)
      const verdict = judge(lines, [...acked.values()].flat())
      return { ...verdict, overtaken: [...new Set([...verdict.overtaken, ...turnedRound(lines, acked)])] }
    },
  }
}

/** An ingress that answers. */
export async function listening(ingress: Ingress): Promise<Ingress> {
  await waitFor(() => ingress.readyz(), { everyMs: 5, what: 'the ingress listens' })
  return ingress
}

async function readyz(port: number): Promise<Readiness | undefined> {
  const reply = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
  return reply === undefined ? undefined : ((await reply.json()) as Readiness)
}

/** The facts of every row: nothing acknowledged is lost, nothing runs out of turn; nothing was refused unless the row says so. */
export function judgeRow(row: Row, { lost, overtaken, repeated }: Verdict): void {
  row.fact('lost', lost.length, 0)
  row.fact('overtaken', overtaken.length, 0)
  if (repeated > 0) row.figure('done twice', repeated, { atLeast: 0 })
}
