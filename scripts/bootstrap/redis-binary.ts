/**
 * The Redis server program: on PATH, else installed with apt where that needs nobody's password, else the exact
 * command that gets one on this platform. Never anything that only imitates Redis.
 */
import type { Env } from '../../src/config.ts'
import { describeSystem, findOnPath, installByApt, isProgram, type System } from './program.ts'

export type Say = (line: string) => void

/**
 * Path of `redis-server` or `valkey-server`. REDIS_SERVER, if set, names it.
 * @throws Error with the command to run, if there is none and none can be installed.
 */
export async function redisBinary(env: Env, command: 'up' | 'test', say: Say): Promise<string> {
  const named = env['REDIS_SERVER']
  if (named) {
    if (isProgram(named) || findOnPath(named, env) !== undefined) return named
    throw new Error(`REDIS_SERVER=${named} is not a program: correct it, or unset it.`)
  }
  const found = () => findOnPath('redis-server', env) ?? findOnPath('valkey-server', env)
  const binary = found()
  if (binary !== undefined) return binary

  const system = await describeSystem(env)
  if (!system.canInstall) throw new Error(advice(system, command))
  say('No redis-server on PATH: installing the package redis-server with apt-get (its own service stays off).')
  const output = await installByApt('redis-server', system)
  const installed = found()
  if (installed === undefined)
    throw new Error(`${output.trimEnd()}\nInstalling redis-server failed. ${advice(system, command)}`)
  say(`Installed ${installed}.`)
  return installed
}

/** The exact command that gets a Redis on this platform, as the end of an error. */
export function advice({ platform, distribution, isRoot }: Omit<System, 'canInstall'>, command: 'up' | 'test'): string {
  const again = command === 'up' ? 'npm run up' : 'npm test'
  const sudo = isRoot ? '' : 'sudo '
  const is = (name: RegExp) => platform === 'linux' && name.test(distribution)
  const install =
    platform === 'darwin'
      ? 'brew install redis'
      : is(/\b(debian|ubuntu)\b/)
        ? `${sudo}apt-get update && ${sudo}apt-get install -y redis-server`
        : is(/\b(fedora|rhel|centos)\b/)
          ? `${sudo}dnf install -y valkey || ${sudo}dnf install -y redis`
          : is(/\balpine\b/)
            ? `${sudo}apk add redis`
            : is(/\barch\b/)
              ? `${sudo}pacman -S --noconfirm valkey`
              : undefined
  if (install !== undefined)
    return `A Redis server is needed and none is installed. Run:\n\n  ${install}\n\nthen ${again} again.`
  const docker =
    'docker run -d --name simotel-redis -p 127.0.0.1:6379:6379 -v simotel-redis:/data redis:8 redis-server --appendonly yes --appendfsync always --maxmemory-policy noeviction'
  const withUrl =
    platform === 'win32'
      ? `set "REDIS_URL=redis://127.0.0.1:6379" && ${again}`
      : `REDIS_URL=redis://127.0.0.1:6379 ${again}`
  return `A Redis server is needed and none is installed. Run:\n\n  ${docker}\n  ${withUrl}\n`
}
