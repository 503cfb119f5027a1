/**
 * `npm run up`: the whole bridge on this machine, from source. Checks settings and types, gives it a Redis, runs its
 * processes with readable logs and reload, and stops all of it, Redis last. bootstrap.mjs calls it.
 */
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { describeConfig, loadConfig } from '../src/config.ts'
import { namedRedis, ownRedis } from './bootstrap/redis.ts'
import { redisBinary } from './bootstrap/redis-binary.ts'
import { bannerOf, localUrl } from './up/banner.ts'
import { createLedger } from './up/ledger.ts'
import { help, parseUpOptions, type UpOptions } from './up/options.ts'
import { createProcesses } from './up/processes.ts'
import { reload } from './up/reload.ts'
import { namesRedis, portFor, upEnv } from './up/settings.ts'
import { createStop, type Stop } from './up/stop.ts'
import { trial } from './up/trial.ts'
import { typeCheck } from './up/type-check.ts'

const redisFolder = '.data/redis'
const say = (line: string) => console.log(line)

/**
 * Runs until it is told to stop, or with `--once` until its calls are processed. Resolves with the exit code: 0 after a
 * clean stop, 1 if something did not start, was not processed or had to be killed.
 */
export async function up(args: readonly string[]): Promise<number> {
  const options = parseUpOptions(args)
  if (options === 'help') {
    say(help)
    return 0
  }
  const stop = createStop(say)
  let code = 0
  try {
    // Told to stop before its calls were done, `--once` has not shown what it was asked to.
    code = await Promise.race([run(options, stop), stop.stopped.then(() => (options.once ? 1 : 0))])
  } catch (error) {
    code = 1
    console.error(`\n${(error as Error).message}`)
  }
  const isClean = await stop.cleanUp()
  return isClean ? code : 1
}

async function run({ simulate, once }: UpOptions, stop: Stop): Promise<number> {
  const { env, fromFile } = upEnv(process.env)
  if (fromFile.length > 0) say(`Settings from .env: ${fromFile.join(', ')}.`)
  const config = loadConfig(env)
  const processorsDir = config.worker.dir
  const port = await portFor('INGRESS', config.ingress)
  const adminPort = await portFor('ADMIN', config.admin)
  say('Checking types.')
  const problems = await typeCheck(processorsDir, stop.signal)
  if (problems.length > 0)
    throw new Error(`${problems.join('\n')}\nNothing was started: correct this, then \`npm run up\` again.`)
  stop.signal.throwIfAborted()
  const redis = await provideRedis(env, stop)
  stop.signal.throwIfAborted()

  const ledger = createLedger()
  const own = { ...env, ...redis.env }
  const { ingress, worker, admin } = createProcesses({ config, env: own, ingressPort: port, adminPort, ledger, say })
  const all = [ingress, worker, admin]
  stop.later(
    async () => (await Promise.all(all.map((one) => one.close()))).every(Boolean),
    () => all.map((one) => one.kill()),
  )
  await Promise.all(all.map((one) => one.start()))

  const isReloading = !once
  const interfaces = networkInterfaces()
  const isContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv')
  // Before it says so: what is saved right after must not be missed.
  if (isReloading) void reload({ processorsDir, worker, others: [ingress, admin], signal: stop.signal, say })
  say(
    bannerOf({
      ingress: config.ingress,
      port,
      admin: config.admin,
      adminPort,
      processorsDir,
      redis: redis.shown,
      isReloading,
      isContainer,
      interfaces,
    }),
  )
  if (simulate === 0) return stop.stopped
  const { credentials } = config.ingress
  const isProcessed = await trial({
    url: localUrl(config.ingress, port),
    calls: simulate,
    credentials: credentials && { user: credentials.username, pass: credentials.passwords[0] ?? '' },
    ledger,
    signal: stop.signal,
    say,
  })
  if (!once) return stop.stopped
  return isProcessed ? 0 : 1
}

type UpRedis = { readonly env: Record<string, string>; readonly shown: string }

/** The Redis that the settings name, else one of our own, stopped after everything that uses it. */
async function provideRedis(env: Record<string, string>, stop: Stop): Promise<UpRedis> {
  const { REDIS_URL: url } = env
  if (url !== undefined) {
    await namedRedis(url, '`npm run up`', env['REDIS_TLS_CA'])
    return { env: {}, shown: describeConfig(env)['REDIS_URL'] ?? '' }
  }
  if (namesRedis(env)) return { env: {}, shown: 'as REDIS_SENTINELS or REDIS_CLUSTER_NODES say' }
  const starting = ownRedis(redisFolder, () => redisBinary(env, 'up', say), say)
  stop.later(async () => {
    await starting.then(
      (redis) => redis.stop(),
      () => {},
    )
    return true
  })
  const { url: ownUrl } = await starting
  return { env: { REDIS_URL: ownUrl }, shown: `${ownUrl}, started for this run; its data is kept in ${redisFolder}` }
}
