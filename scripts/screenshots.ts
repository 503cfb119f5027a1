/**
 * `npm run screenshots`: a bridge of real processes on a Redis of its own, simulated calls of which some go wrong, and a picture
 * of each page, on a phone and a desktop, light and dark, in docs/screenshots. The README shows two of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type BrowserContextOptions, chromium } from 'playwright-core'
import { ownRedis } from './bootstrap/redis.ts'
import { redisBinary } from './bootstrap/redis-binary.ts'
import { freePort } from './bootstrap/redis-server.ts'
import { testProgram } from './bootstrap/test-programs.ts'

const folder = 'docs/screenshots'
const say = (line: string) => console.log(line)

const forms: Record<string, BrowserContextOptions> = {
  desktop: { viewport: { width: 1_080, height: 700 } },
  phone: { viewport: { width: 390, height: 760 }, isMobile: true },
}

type Dead = { readonly dead: readonly { readonly callId: string | null }[] }

const children: ChildProcess[] = []

/** A process of the checkout, from source; its log only if it fails. */
function start(file: string, env: Record<string, string>, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['-C', 'source', '--import', 'tsx', file, ...args], {
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  children.push(child)
  return child
}

/** Asks until the answer is what it must be, at most a minute. */
async function until<T>(url: string, isIt: (answer: T) => boolean): Promise<T> {
  for (const end = Date.now() + 60_000; ; await pause(200)) {
    const answer = await fetch(url).then(
      async (response) => (response.ok ? ((await response.json()) as T) : undefined),
      () => undefined,
    )
    if (answer !== undefined && isIt(answer)) return answer
    if (Date.now() > end) throw new Error(`${url} did not come to the state for the pictures`)
  }
}

async function run(dir: string, redisUrl: string, browserPath: string): Promise<void> {
  const [ingressPort, adminPort] = [await freePort(), await freePort()]
  const admin = `http://127.0.0.1:${adminPort}`
  const env = {
    REDIS_URL: redisUrl,
    SPOOL_DIR: join(dir, 'spool'),
    INGRESS_HOST: '127.0.0.1',
    INGRESS_PORT: String(ingressPort),
    ADMIN_PORT: String(adminPort),
    WORKERS_DIR: 'scripts/screenshots/processors',
    DEAD_HEAD: 'block',
    SIMOTEL_TIMEZONE: 'Asia/Tehran',
  }
  for (const name of ['ingress', 'worker', 'admin']) start(`src/main/${name}.ts`, env)
  await until(`http://127.0.0.1:${ingressPort}/readyz`, () => true)
  await until(`${admin}/readyz`, () => true)
  const url = `http://127.0.0.1:${ingressPort}/simotel/`
  await once(
    start('scripts/simulate.ts', {}, '--url', url, '--calls', '60', '--rate', '60', '--seed', '7', '--quiet'),
    'exit',
  )
  const { dead } = await until<Dead>(`${admin}/api/dead`, (answer) => answer.dead.length > 1)
  await until<{ active: number; waiting: number }>(
    `${admin}/api/overview`,
    ({ active, waiting }) => active + waiting === 0,
  )

  const callId = dead.find((letter) => letter.callId !== null)?.callId ?? ''
  const pages = {
    overview: '/',
    call: `/calls/${encodeURIComponent(callId)}`,
    search: `/search?q=${encodeURIComponent(callId)}`,
    dead: '/dead',
    replay: '/dead/replay?all=true',
  }
  const browser = await chromium.launch({ executablePath: browserPath })
  try {
    for (const [form, options] of Object.entries(forms))
      for (const colorScheme of ['light', 'dark'] as const) {
        const context = await browser.newContext({ ...options, colorScheme })
        const page = await context.newPage()
        for (const [name, path] of Object.entries(pages)) {
          await page.goto(admin + path)
          if (name === 'call') await page.getByText('Raw webhook and normalised event').last().click()
          const file = `${folder}/${name}-${form}-${colorScheme}.png`
          await page.screenshot({ path: file })
          say(file)
        }
        await context.close()
      }
  } finally {
    await browser.close()
  }
}

async function main(): Promise<void> {
  const chromiumFound = await testProgram('chromium', process.env, say)
  if (chromiumFound.path === undefined) throw new Error(`${chromiumFound.why}: install it, or name one by CHROMIUM.`)
  mkdirSync(folder, { recursive: true })
  const dir = mkdtempSync(join(tmpdir(), 'simotel-bridge-screenshots-'))
  const redis = await ownRedis(join(dir, 'redis'), () => redisBinary(process.env, 'up', say), say)
  try {
    await run(dir, redis.url, chromiumFound.path)
  } finally {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await redis.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
