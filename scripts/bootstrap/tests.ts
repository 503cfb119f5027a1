/**
 * `npm test`: finds the test files, gives them a Redis, runs them, cleans up whatever happens.
 * Redis-backed tests are never skipped: without a Redis there is one sentence with the command to run, and a failure.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, readClaim } from './claim.ts'
import { killGroup } from './process-group.ts'
import { endLeftRedis, namedRedis, ownRedis, type ProvidedRedis } from './redis.ts'
import { redisBinary, type Say } from './redis-binary.ts'
import { onStopSignals, type StopSignal } from './signals.ts'
import { testProgram } from './test-programs.ts'

const folders = ['test/unit', 'test/redis', 'test/e2e', 'test/faults', 'workers']
const temporary = 'simotel-bridge-test-'
/** No single test may take longer: a hang is a failure with a name, not a silent CI. */
const limitMs = 300_000
/** Nor any of the long runs. */
const longLimitMs = 3_600_000
/** Programs of others, and the files of tests that use them. */
const neededBy = [
  ['nginx', /proxy\.test\.ts$/],
  ['chromium', /(pages|admin-board)\.test\.ts$/],
  ['promtool', /alerts\.test\.ts$/],
] as const
/** Tests that start the bridge's own processes, which are built for them first: compiled, they start in half the time. */
const startsProcesses = /^test[/\\](e2e|faults|soak)\b/

/**
 * Runs the tests below the files and folders among `args` (all of them if none); other arguments go to node's runner.
 * Resolves with the exit code: the runner's, or 130 and 143 for Ctrl-C and SIGTERM.
 */
export async function runTests(args: readonly string[]): Promise<number> {
  const concurrency = Math.max(2, availableParallelism())
  const options = ['--test-reporter=spec', `--test-concurrency=${concurrency}`, `--test-timeout=${limitMs}`]
  return await runWith(options, {}, args)
}

/**
 * `npm run test:faults` and `test:soak`: runs the files of `test/<what>` (or those among `args`) one after the other, at
 * length. Resolves with the exit code.
 */
export async function runLong(what: 'faults' | 'soak', args: readonly string[]): Promise<number> {
  const reporter = '--test-reporter=./test/support/fault-reporter.mjs'
  const options = [reporter, '--test-concurrency=1', `--test-timeout=${longLimitMs}`]
  const places = args.some((arg) => !arg.startsWith('-')) ? args : [...args, `test/${what}`]
  return await runWith(options, { FAULTS: 'long' }, places)
}

async function runWith(
  options: readonly string[],
  env: Record<string, string>,
  args: readonly string[],
): Promise<number> {
  const say: Say = (line) => console.log(line)
  const flags = args.filter((arg) => arg.startsWith('-'))
  const files = findTests(args.filter((arg) => !arg.startsWith('-')))
  const isBuilt = files.some((file) => startsProcesses.test(file))
  if (isBuilt && !build(say)) return 1
  const stop = stopper()
  // Looked for by the tests themselves, which say why if there is none; here only because an installation takes a while.
  for (const [name, needsIt] of neededBy) {
    if (files.some((file) => needsIt.test(file))) await testProgram(name, process.env, say)
  }
  const { redis, binary } = await provide(say)
  try {
    if (stop.signal !== undefined) return stop.code()
    const code = await runFiles(
      files,
      [...options, ...flags],
      { REDIS_URL: redis.url, REDIS_SERVER: binary, TEST_BUILT: String(isBuilt), ...env },
      stop,
    )
    return stop.signal === undefined ? code : stop.code()
  } finally {
    await redis.stop()
  }
}

/** Compiles into `dist`; says what the compiler refuses. What it remembers of the time before lies in `dist`, and goes with it. */
function build(say: Say): boolean {
  say('Compiling src and workers into dist, for the tests that start processes.')
  const args = ['-p', 'tsconfig.build.json', '--incremental', '--tsBuildInfoFile', 'dist/.tsbuildinfo']
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...args], { stdio: 'inherit' })
  if (status !== 0) say('No test was run: correct what the compiler refuses above.')
  return status === 0
}

/**
 * Test files in and below `places`, sorted.
 * @throws Error naming a place that does not exist or holds none.
 */
export function findTests(places: readonly string[]): string[] {
  const wanted = places.length > 0 ? places : folders.filter((folder) => existsSync(folder))
  const found = wanted.flatMap((place) => {
    if (!existsSync(place)) throw new Error(`${place} does not exist: give test files or folders.`)
    if (statSync(place).isFile()) return [place]
    return readdirSync(place, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(place, name))
  })
  if (found.length === 0) throw new Error(`No *.test.ts in ${wanted.join(', ')}.`)
  return [...new Set(found)].sort()
}

async function provide(say: Say): Promise<{ redis: ProvidedRedis; binary: string }> {
  // Some tests kill a Redis of their own, so the program is needed beside a named server too.
  const binary = await redisBinary(process.env, 'test', say)
  const url = process.env['REDIS_URL']
  if (url) return { redis: await namedRedis(url, '`npm test`', process.env['REDIS_TLS_CA']), binary }
  await removeLeftovers()
  const folder = mkdtempSync(join(tmpdir(), temporary))
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  try {
    const redis = await ownRedis(folder, async () => binary, say)
    return { redis: { url: redis.url, stop: () => redis.stop().finally(remove) }, binary }
  } catch (error) {
    remove()
    throw error
  }
}

/** A run that was killed outright could not clean up; the next one does it. */
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(temporary))) {
    const folder = join(tmpdir(), name)
    const left = readClaim(folder)
    if (left === undefined || isAlive(left.owner)) continue
    await endLeftRedis(left, () => {})
    rmSync(folder, { recursive: true, force: true })
  }
}

type Stop = { signal: StopSignal | undefined; child: ReturnType<typeof spawn> | undefined; code(): number }

/** The runner is told to stop, and has a group of its own: Ctrl-C reaches us alone. A second wish kills. */
function stopper(): Stop {
  const stop: Stop = {
    signal: undefined,
    child: undefined,
    code: () => (stop.signal === 'SIGINT' ? 130 : 143),
  }
  onStopSignals(
    (signal) => {
      stop.signal = signal
      stop.child?.kill(signal)
    },
    () => stop.child && killGroup(stop.child),
  )
  return stop
}

function runFiles(files: readonly string[], flags: readonly string[], env: Record<string, string>, stop: Stop) {
  const child = spawn(process.execPath, ['-C', 'source', '--import', 'tsx', '--test', ...flags, ...files], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    detached: true,
  })
  stop.child = child
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      // Told to stop, it leaves what its tests have started.
      killGroup(child)
      resolve(code ?? 1)
    })
  })
}
