/**
 * Loaded into a process that is to be profiled (`node --import`): SIGWINCH starts the profile, a second one ends it and writes
 * it to the file that the environment names. So the start of the process is not in it, which `--cpu-prof` cannot leave out.
 * The signal is one that nobody else listens to: SIGUSR2 would drain the process.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: 200 })
let isRunning = false
process.on('SIGWINCH', async () => {
  isRunning = !isRunning
  if (isRunning) {
    await session.post('Profiler.start')
  } else {
    const { profile } = await session.post('Profiler.stop')
    writeFileSync(process.env['BENCH_PROFILE'] ?? '', JSON.stringify(profile))
  }
})
