/**
 * The Redis server program: on PATH, else installed with apt where that needs nobody's password, else the exact
 * command that gets one on this platform. Never anything that only imitates Redis.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Env } from '../../src/config.ts'

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
  const output = await run(system.isRoot ? ['sh'] : ['sudo', '-n', 'sh'], installScript)
  const installed = found()
  if (installed === undefined)
    throw new Error(`${output.trimEnd()}\nInstalling redis-server failed. ${advice(system, command)}`)
  say(`Installed ${installed}.`)
  return installed
}

export type System = {
  readonly platform: NodeJS.Platform
  /** ID and ID_LIKE of /etc/os-release: `ubuntu debian`; empty elsewhere. */
  readonly distribution: string
  readonly isRoot: boolean
  /** apt is there, and it needs nobody's password. */
  readonly canInstall: boolean
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

// The package would start a server on 6379 and enable it for every boot; nobody asked for that one.
const installScript = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo 'apt-get update failed, trying with the lists that are there'
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server || exit 1
if [ -d /run/systemd/system ]; then systemctl disable --now redis-server >/dev/null 2>&1 || :; fi
`

async function describeSystem(env: Env): Promise<System> {
  let distribution = ''
  try {
    const lines = readFileSync('/etc/os-release', 'utf8').split('\n')
    distribution = lines
      .filter((line) => /^ID(_LIKE)?=/.test(line))
      .map((line) => line.replace(/^[^=]*=/, '').replaceAll('"', ''))
      .join(' ')
  } catch {
    // Not Linux, or a Linux that does not say which.
  }
  const isRoot = process.getuid?.() === 0
  const hasApt = /\b(debian|ubuntu)\b/.test(distribution) && findOnPath('apt-get', env) !== undefined
  const canInstall =
    hasApt && (isRoot || (findOnPath('sudo', env) !== undefined && (await isQuiet('sudo', ['-n', 'true']))))
  return { platform: process.platform, distribution, isRoot, canInstall }
}

function findOnPath(name: string, env: Env): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isQuiet(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}

/** Runs a script by a shell; resolves with all it printed. */
function run([program = 'sh', ...args]: readonly string[], script: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const take = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', (error) => resolve(`${output}${error.message}`))
    child.once('close', () => resolve(output))
  })
}
