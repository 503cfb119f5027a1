/**
 * Programs that only some tests need: where they are, else installed with apt where that needs nobody's password. Without one
 * there is a reason, and no error: whoever needs it says so.
 */
import type { Env } from '../../src/config.ts'
import { describeSystem, findOnPath, installByApt, isProgram } from './program.ts'
import type { Say } from './redis-binary.ts'

type Wanted = {
  readonly title: string
  /** Names it. */
  readonly setting: string
  readonly names: readonly string[]
  /** Where it is on systems that do not have it on PATH. */
  readonly places: readonly string[]
  readonly aptPackage: string
  readonly purpose: string
}

const programs = {
  nginx: {
    title: 'nginx',
    setting: 'NGINX',
    names: ['nginx'],
    // An ordinary user of Debian does not have them on PATH.
    places: ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'],
    aptPackage: 'nginx',
    purpose: 'one test (its own service stays off)',
  },
  chromium: {
    title: 'Chromium',
    setting: 'CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    places: [
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    aptPackage: 'chromium',
    purpose: 'the tests of the pages',
  },
  promtool: {
    title: 'promtool',
    setting: 'PROMTOOL',
    names: ['promtool'],
    places: ['/opt/homebrew/bin/promtool'],
    aptPackage: 'prometheus',
    purpose: 'the test of the alerts (its own service stays off)',
  },
} as const satisfies Record<string, Wanted>

export type Found = { readonly path: string } | { readonly path: undefined; readonly why: string }

/** Path of the program, or why there is none. */
export async function testProgram(name: keyof typeof programs, env: Env, say: Say): Promise<Found> {
  const { title, setting, names, places, aptPackage, purpose }: Wanted = programs[name]
  const named = env[setting]
  if (named)
    return isProgram(named) ? { path: named } : { path: undefined, why: `${setting}=${named} is not a program` }
  // Looked for everywhere before anything is installed: one that serves something must not be touched.
  const found = () =>
    names.map((one) => findOnPath(one, env)).find((path) => path !== undefined) ?? places.find(isProgram)
  const binary = found()
  if (binary !== undefined) return { path: binary }

  const system = await describeSystem(env)
  if (!system.canInstall) return { path: undefined, why: `${title} is not installed` }
  say(`No ${title}: installing the package ${aptPackage} with apt-get for ${purpose}.`)
  const output = await installByApt(aptPackage, system)
  const installed = found()
  if (installed !== undefined) {
    say(`Installed ${installed}.`)
    return { path: installed }
  }
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return { path: undefined, why: `${title} is not installed, and apt-get could not: ${lastLine}` }
}
