/**
 * The nginx program, for the test of deploy/nginx: where it is, else installed with apt where that needs nobody's
 * password. Only one test needs it, so without it there is a reason, and no error.
 */
import type { Env } from '../../src/config.ts'
import { describeSystem, findOnPath, installByApt, isProgram } from './program.ts'
import type { Say } from './redis-binary.ts'

/** An ordinary user of Debian does not have them on PATH. */
const otherFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']

export type Nginx = { readonly path: string } | { readonly path: undefined; readonly why: string }

/** Path of `nginx`, or why there is none. NGINX, if set, names it. */
export async function nginxBinary(env: Env, say: Say): Promise<Nginx> {
  const named = env['NGINX']
  if (named) return isProgram(named) ? { path: named } : { path: undefined, why: `NGINX=${named} is not a program` }
  // Looked for everywhere before anything is installed: an nginx that serves something must not be touched.
  const found = () =>
    findOnPath('nginx', env) ?? otherFolders.map((folder) => `${folder}/nginx`).find((path) => isProgram(path))
  const binary = found()
  if (binary !== undefined) return { path: binary }

  const system = await describeSystem(env)
  if (!system.canInstall) return { path: undefined, why: 'nginx is not installed' }
  say('No nginx: installing the package nginx with apt-get for one test (its own service stays off).')
  const output = await installByApt('nginx', system)
  const installed = found()
  if (installed !== undefined) {
    say(`Installed ${installed}.`)
    return { path: installed }
  }
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return { path: undefined, why: `nginx is not installed, and apt-get could not: ${lastLine}` }
}
