/**
 * A primary that keeps the listening socket and runs two ingresses as its cluster workers (src/main/ingress.ts, or as built if
 * that is what is tested). At each SIGUSR2 the older of the two is told to drain, and once it is gone another takes its place; then it says
 * `rolled`, with the exit code.
 */
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { isBuilt } from './processes.ts'

cluster.setupPrimary(
  isBuilt
    ? { exec: 'dist/src/main/ingress.js', execArgv: ['--enable-source-maps'] }
    : { exec: 'src/main/ingress.ts', execArgv: ['-C', 'source', '--import', 'tsx'] },
)

const say = (msg: string, more: object = {}) => console.log(JSON.stringify({ msg, ...more }))

async function start(): Promise<Worker> {
  const worker = cluster.fork()
  await once(worker, 'listening')
  return worker
}

const ingresses = [await start(), await start()]

async function roll(): Promise<void> {
  const oldest = ingresses.shift()
  if (oldest === undefined) return
  const gone = once(oldest.process, 'exit')
  oldest.process.kill('SIGTERM')
  const [code, signal] = await gone
  ingresses.push(await start())
  say('rolled', { code: code ?? signal })
}

let rolling = Promise.resolve()
process.on('SIGUSR2', () => {
  rolling = rolling.then(roll)
})
process.on('disconnect', () => process.exit())
say('two ingresses listen')
