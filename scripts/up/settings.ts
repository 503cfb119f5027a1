/**
 * The settings of `up`: the environment over .env, with the defaults of a checkout instead of production's.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseEnv } from 'node:util'
import type { Env } from '../../src/config.ts'

/**
 * The environment for every process of `up`: `env`, then the file `.env`, an empty value being none.
 * Processors are loaded from `workers`, without a build. `fromFile` names what only the file set.
 */
export function upEnv(env: Env, path = '.env'): { env: Record<string, string>; fromFile: string[] } {
  const file = withoutEmpty(readEnvFile(path))
  const own = withoutEmpty(env)
  return {
    env: { WORKERS_DIR: 'workers', ...file, ...own },
    fromFile: Object.keys(file).filter((name) => own[name] === undefined),
  }
}

/** Whether these settings name a Redis: then `up` starts none. */
export function namesRedis(env: Env): boolean {
  return Boolean(env['REDIS_URL'] || env['REDIS_SENTINELS'] || env['REDIS_CLUSTER_NODES'])
}

/**
 * The port to listen on as these settings say, free a moment ago; 0 becomes one that is.
 * @throws Error that names the setting to change, if the port is taken or not ours to take.
 */
export async function portFor(
  process: 'INGRESS' | 'ADMIN',
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  const server = createServer()
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  } catch (error) {
    throw new Error(portProblem(process, host, port, (error as NodeJS.ErrnoException).code ?? String(error)))
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

function portProblem(process: string, host: string, port: number, code: string): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} is taken by another program (perhaps another \`npm run up\`): stop that, or set ${process}_PORT to a free one, as in ${process}_PORT=${port + 2} npm run up.`
  }
  if (code === 'EACCES') return `Port ${port} is not allowed to this user: set ${process}_PORT to one above 1023.`
  return `Nothing can listen on ${host}, port ${port} (${code}): set ${process}_HOST to an address of this machine, or to 0.0.0.0 for all.`
}

function readEnvFile(path: string): Env {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new Error(`${path} cannot be read (${(error as Error).message}): correct it or move it away.`)
  }
}

function withoutEmpty(env: Env): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return Object.fromEntries(set)
}
