/**
 * Bootstrap: what `npm run up` and `npm test` call on a checkout in any state. Needs nothing but Node and npm.
 * Checks Node, installs what the lockfile names where it is missing, then hands over to up.ts or bootstrap/tests.ts.
 * `faults` and `soak` are `test` at length: with what is built, one file at a time, a line a row.
 */
import { spawn } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const oldestNode = [20, 19]

/** Whether `version` ("20.19.0") is one that this project runs on. */
export function nodeIsRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
}

/**
 * What of the lockfile (package-lock.json, parsed) is not installed as it says: paths such as `node_modules/zod`.
 * `installed` is npm's own record of node_modules, undefined if there is none. Optional packages are for other platforms.
 */
export function missingPackages(lockfile, installed) {
  return Object.entries(lockfile.packages)
    .filter(([path]) => path !== '')
    .filter(([path, wanted]) => {
      const found = installed?.packages[path]
      return found === undefined ? !wanted.optional && !wanted.devOptional : found.version !== wanted.version
    })
    .map(([path]) => path)
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Runs npm as the caller's own npm where there is one, so that its settings hold. Resolves with the exit code. */
function npm(args) {
  const cli = process.env['npm_execpath']
  const viaNode = cli !== undefined && /\.[cm]?js$/.test(cli)
  const child = viaNode
    ? spawn(process.execPath, [cli, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    : spawn('npm', args, {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
        shell: process.platform === 'win32',
      })
  const stop = () => child.kill('SIGTERM')
  process.once('SIGTERM', stop)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      process.removeListener('SIGTERM', stop)
      resolve(code ?? 1)
    })
  })
}

async function install() {
  const lockfile = readJson('package-lock.json')
  if (lockfile === undefined)
    throw new Error('package-lock.json is missing or unreadable: restore it with `git checkout`.')
  const installed = readJson('node_modules/.package-lock.json')
  const missing = missingPackages(lockfile, installed)
  if (missing.length === 0) return
  const why = installed === undefined ? 'once' : `${missing.length} packages are missing or of another version`
  console.log(`Installing dependencies with npm ci: ${why}.`)
  const since = performance.now()
  const code = await npm([
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
  if (code !== 0) {
    throw new Error(
      `npm ci ended with ${code}: see its lines above; without a public registry, name yours with \`npm config set registry URL\`, then run this again.`,
    )
  }
  console.log(`Installed in ${((performance.now() - since) / 1000).toFixed(1)} s.`)
}

async function main([command, ...args]) {
  if (!['up', 'test', 'faults', 'soak'].includes(command))
    throw new Error('Usage: node scripts/bootstrap.mjs up|test|faults|soak [arguments]')
  if (!nodeIsRecent(process.versions.node)) {
    throw new Error(
      `This is Node ${process.versions.node}; Node ${oldestNode.join('.')} or later is needed: https://nodejs.org`,
    )
  }
  process.chdir(root)
  await install()
  const { register } = await import('tsx/esm/api')
  register()
  if (command === 'up') {
    const { up } = await import('./up.ts')
    return up(args)
  }
  const { runLong, runTests } = await import('./bootstrap/tests.ts')
  return command === 'test' ? runTests(args) : runLong(command, args)
}

const isCalled = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
if (isCalled) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
