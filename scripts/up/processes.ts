/**
 * The processes of the bridge as `up` runs them: which scripts, with which settings, and when each counts as ready.
 */
import type { Config } from '../../src/config.ts'
import { adminUrl, localUrl } from './banner.ts'
import type { Ledger } from './ledger.ts'
import { createPrinter, moreTalkative } from './log-lines.ts'
import { type Supervised, supervise } from './supervised.ts'

export type ProcessesOptions = {
  readonly config: Config
  readonly env: Readonly<Record<string, string>>
  /** Those really listened on. */
  readonly ingressPort: number
  readonly adminPort: number
  /** Told of every line of the worker's log. */
  readonly ledger: Ledger
  readonly say: (line: string) => void
}

/** What the worker may take beyond DRAIN_TIMEOUT_MS to put back what it cut short; past it there is something wrong. */
const afterDrainMs = 8_000

/** All of them, not started yet. */
export function createProcesses(options: ProcessesOptions): Record<'ingress' | 'worker' | 'admin', Supervised> {
  const { config, env, ingressPort, adminPort, ledger, say } = options
  const colours = process.stdout.isTTY === true && !env['NO_COLOR']
  const print = createPrinter(process.stdout, { level: config.logLevel, colours })
  const common = { ...env, INGRESS_PORT: String(ingressPort), ADMIN_PORT: String(adminPort) }
  const shared = { say, stopLimitMs: config.drainTimeoutMs + afterDrainMs }
  const readyz = new URL('/readyz', localUrl(config.ingress, ingressPort))
  const ingress = supervise({
    ...shared,
    name: 'ingress',
    script: 'src/main/ingress.ts',
    env: common,
    isReady: () => isAnswering(readyz),
    onLine: (line) => print('ingress', line),
  })
  const worker = supervise({
    ...shared,
    name: 'worker',
    script: 'src/main/worker.ts',
    env: {
      ...common,
      // Outcomes are told at info: they are read even where they are not to be shown.
      LOG_LEVEL: moreTalkative(config.logLevel, 'info'),
      // On one machine the two cannot share it.
      ...(config.metricsPort && { METRICS_PORT: String(config.metricsPort + 1) }),
    },
    isReady: (said) => said.has('worker ready'),
    onLine: (line) => {
      if (typeof line !== 'string') ledger.take(line)
      print('worker', line)
    },
  })
  const adminReadyz = new URL('/readyz', adminUrl(config.admin, adminPort))
  const admin = supervise({
    ...shared,
    name: 'admin',
    script: 'src/main/admin.ts',
    env: common,
    isReady: () => isAnswering(adminReadyz),
    onLine: (line) => print('admin', line),
  })
  return { ingress, worker, admin }
}

async function isAnswering(url: URL): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    return ok
  } catch {
    return false
  }
}
