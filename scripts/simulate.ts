/**
 * `npm run simulate`: the simulator's command line. Options in, progress to standard error, summary to standard output,
 * exit code: 0 all well, 1 something was not acked or nothing listens, 2 wrong options.
 */
import { pathToFileURL } from 'node:url'
import { helpText } from './simulate/help.ts'
import { readCommandLine } from './simulate/options.ts'
import { planOf } from './simulate/plan.ts'
import { defaultConcurrency, NothingListensError, type PlayOptions, play, seedOf, shownUrl } from './simulate/play.ts'
import { createTally, progressLine, summaryText, type Tally } from './simulate/report.ts'

/** Runs the command line and resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const command = readCommandLine(argv)
  if (command.kind === 'help') {
    process.stdout.write(helpText())
    return 0
  }
  if (command.kind === 'wrong') {
    process.stderr.write(`${command.problems.join('\n')}\n`)
    return 2
  }

  const stop = new AbortController()
  let askedAt = Number.NaN
  const interrupt = () => {
    // Asked twice: no more waiting. But one Ctrl-C can come twice, from the terminal and from an npm that passes it on.
    if (performance.now() - askedAt > 500) process.exit(130)
    if (!stop.signal.aborted) askedAt = performance.now()
    stop.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const seeded = { ...command.play, ...seedOf(command.play) }
  const tally = createTally()
  const endProgress = command.quiet ? () => {} : showProgress(seeded, tally)
  try {
    const { entries: _, ...report } = await play({ ...seeded, tally, keepEntries: false, signal: stop.signal })
    endProgress()
    const stopped = report.stopped ? 'stopped before the end\n' : ''
    process.stdout.write(command.json ? `${JSON.stringify(report)}\n` : `${stopped}${summaryText(report)}\n`)
    if (!command.json && Object.keys(report.reasons).some((reason) => reason.startsWith('HTTP 401'))) {
      process.stderr.write(
        'The bridge asks for a password: give --user and --pass, as SIMOTEL_USERNAME and SIMOTEL_PASSWORD.\n',
      )
    }
    return report.failed > 0 ? 1 : 0
  } catch (error) {
    endProgress()
    if (!(error instanceof NothingListensError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

/** A line that says what begins, then one of counts: rewritten on a terminal, else every five seconds. */
function showProgress(
  options: PlayOptions & { readonly seed: number; readonly baseTime: number },
  tally: Tally,
): () => void {
  const plan = planOf(options)
  const out = process.stderr
  const startedAt = performance.now()
  out.write(
    `Playing ${plan.calls} ${plan.calls === 1 ? 'call' : 'calls'} to ${shownUrl(plan.url)} ` +
      `(${plan.transport}, ${plan.mode}) ${paceOf(options)}. Again: --seed ${plan.seed} --base-time ${plan.baseTime}\n`,
  )
  const line = () => progressLine(tally.progress, plan.calls, performance.now() - startedAt)
  const timer = setInterval(() => out.write(out.isTTY ? `\r\x1b[K${line()}` : `${line()}\n`), out.isTTY ? 200 : 5_000)
  return () => {
    clearInterval(timer)
    out.write(out.isTTY ? `\r\x1b[K${line()}\n` : `${line()}\n`)
  }
}

function paceOf(options: PlayOptions): string {
  if (options.rate !== undefined) return `at ${options.rate} events a second`
  if (options.speed !== undefined) return `at ${options.speed} times call time`
  return `at full speed, ${options.concurrency ?? defaultConcurrency(options)} calls at a time`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // A reader that goes away (`| head`) ends the printing, not the run.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  process.exitCode = await main(process.argv.slice(2))
}
