/**
 * Chromium, for the tests of the pages and for their pictures: where it is, else installed with apt where that needs nobody's
 * password. Only these need it, so without it there is a reason, and no error.
 */
import type { Env } from '../../src/config.ts'
import { describeSystem, findOnPath, installByApt, isProgram } from './program.ts'
import type { Say } from './redis-binary.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** Where macOS has them. */
const otherPlaces = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export type Chromium = { readonly path: string } | { readonly path: undefined; readonly why: string }

/** Path of a Chromium, or why there is none. CHROMIUM, if set, names it. */
export async function chromiumBinary(env: Env, say: Say): Promise<Chromium> {
  const named = env['CHROMIUM']
  if (named) return isProgram(named) ? { path: named } : { path: undefined, why: `CHROMIUM=${named} is not a program` }
  const found = () =>
    names.map((name) => findOnPath(name, env)).find((path) => path !== undefined) ?? otherPlaces.find(isProgram)
  const binary = found()
  if (binary !== undefined) return { path: binary }

  const system = await describeSystem(env)
  if (!system.canInstall) return { path: undefined, why: 'Chromium is not installed' }
  say('No Chromium: installing the package chromium with apt-get for the tests of the pages.')
  const output = await installByApt('chromium', system)
  const installed = found()
  if (installed !== undefined) {
    say(`Installed ${installed}.`)
    return { path: installed }
  }
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return { path: undefined, why: `Chromium is not installed, and apt-get could not: ${lastLine}` }
}
