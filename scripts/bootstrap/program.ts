/**
 * A program of another project: found on PATH, or installed from its Debian package where that needs nobody's password.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Env } from '../../src/config.ts'

/** Path of the program `name`; undefined if none of PATH's folders has it. */
export function findOnPath(name: string, env: Env): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

/** Whether that is a file which this process may execute. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export type System = {
  readonly platform: NodeJS.Platform
  /** ID and ID_LIKE of /etc/os-release: `ubuntu debian`; empty elsewhere. */
  readonly distribution: string
  readonly isRoot: boolean
  /** apt is there, and it needs nobody's password. */
  readonly canInstall: boolean
}

/** What this machine is, as far as it decides how a program gets onto it. */
export async function describeSystem(env: Env): Promise<System> {
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

/**
 * Installs a Debian package that is not there yet; its own service, of the same name, neither starts nor starts at boot.
 * Resolves with all that was printed: whether the program is there now says whether it worked.
 */
export async function installByApt(name: string, system: System): Promise<string> {
  return await run(system.isRoot ? ['sh'] : ['sudo', '-n', 'sh'], installScript(name))
}

// The package would start a server on its usual port and enable it for every boot; nobody asked for that one.
const installScript = (name: string) => `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 || echo 'apt-get update failed, trying with the lists that are there'
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 ${name} || exit 1
if [ -d /run/systemd/system ]; then systemctl disable --now ${name} >/dev/null 2>&1 || :; fi
`

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
