/**
 * `npm run bench`: runs the cases that its arguments name, prints a table, and keeps every figure in bench/results.
 * Exits other than 0 only if something could not be measured: a target that is missed is a result.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Case } from './case.ts'
import { aliases, cases } from './cases/all.ts'
import { readCommandLine } from './options.ts'
import { profile } from './profile.ts'
import { type CaseResult, resultOf } from './result.ts'
import { runCase, type Sample } from './run.ts'
import { build } from './support/build.ts'
import { killEverything, openScope } from './support/scope.ts'
import { describeMachine, type Machine, redisVersion } from './support/system.ts'
import { numberText, othersOf, sidesOf, tableOf } from './table.ts'

const help = `npm run bench -- [CASE...] [--rounds N] [--quick] [--markdown] [--list] [--help]
npm run bench -- profile ingress|worker [--quick]

Measures this bridge beside its references, on this machine, in turn; each with a Redis of its own that has every write on disk
before it answers. Without a CASE all run, which takes about an hour and a half.
  --rounds N   rounds of every side, 5 by default
  --quick      one short round: whether everything works. Its figures mean nothing, and are not kept
  --markdown   the table as in docs/performance.md
  --last       the table of the latest results again, without measuring
  --list       the cases, and what each measures
  profile      where the CPU of one process goes, by function and by file
`

/** Below this speed of the processor, a share of its usual one, waits at the 99th percentile are of the machine's making. */
const steadySpeed = 0.5

const resultsFolder = new URL('results/', import.meta.url)
const write = (text: string) => void process.stdout.write(text)

process.once('exit', killEverything)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const names = cases.map(({ name }) => name)
const commandLine = readCommandLine(process.argv.slice(2), names, aliases)
try {
  await act()
} catch (error) {
  complain(error)
}
killEverything()

async function act(): Promise<void> {
  switch (commandLine.kind) {
    case 'help':
      return write(help)
    case 'list':
      return write(cases.map(({ name, about }) => `${name.padEnd(16)}${about}\n`).join(''))
    case 'last':
      return write(last(commandLine.isMarkdown))
    case 'wrong':
      process.exitCode = 2
      return write(commandLine.problems.map((problem) => `${problem}\n`).join(''))
    case 'profile':
      redisVersion()
      return write(await profile(commandLine.target, await build(openScope()), commandLine.isQuick))
    case 'run':
      return await run(commandLine)
  }
}

/** Something could not be measured. */
function complain(error: unknown): void {
  for (let at: unknown = error; at !== undefined; at = at instanceof Error ? at.cause : undefined)
    process.stderr.write(`${at instanceof Error ? at.message : String(at)}\n`)
  process.exitCode = 1
}

async function run(options: Extract<typeof commandLine, { kind: 'run' }>): Promise<void> {
  const { isQuick, isMarkdown, rounds } = options
  const machine = describeMachine()
  write(`${machineText(machine)}\n`)
  const file = await build(openScope())
  const results: CaseResult[] = []
  for (const theCase of cases.filter(({ name }) => options.names.includes(name))) {
    write(`\n${theCase.name}: ${theCase.about}\n`)
    const samples = await measured(theCase)
    if (samples === undefined) continue
    const result = resultOf(theCase, samples, new Date())
    results.push(result)
    write(`\n${sidesOf(result, isMarkdown)}`)
    if (!isQuick) keep(machine, result)
  }
  write(`\n${tableOf(results, isMarkdown)}\n${othersOf(results)}`)

  /** The samples; if they cannot be had, says why, and the other cases go on. */
  async function measured(theCase: Case): Promise<Sample[] | undefined> {
    try {
      return await runCase(theCase, {
        file,
        rounds,
        isQuick,
        onSample({ side, round, figures, otherCores }) {
          const shown = Object.entries(figures).map(([name, value]) => `${name} ${numberText(value)}`)
          write(
            `  ${round}/${rounds} ${side.padEnd(8)} ${shown.join(', ')} (others used ${otherCores.toFixed(2)} cores)\n`,
          )
        },
      })
    } catch (error) {
      complain(error)
    }
  }
}

/** One file a day; a case that is measured again takes the place of its earlier result. */
function keep(machine: Machine, result: CaseResult): void {
  const path = new URL(`${result.at.slice(0, 10)}.json`, resultsFolder)
  mkdirSync(resultsFolder, { recursive: true })
  const before = existsSync(path) ? readResults(path).cases.filter(({ name }) => name !== result.name) : []
  const all = [...before, result].sort((one, other) => names.indexOf(one.name) - names.indexOf(other.name))
  writeFileSync(path, `${JSON.stringify({ machine, cases: all }, null, 1)}\n`)
}

function last(isMarkdown: boolean): string {
  const files = existsSync(resultsFolder) ? readdirSync(resultsFolder).filter((name) => name.endsWith('.json')) : []
  const latest = files.sort().at(-1)
  if (latest === undefined) throw new Error('Nothing has been measured yet.')
  const { machine, cases: results } = readResults(new URL(latest, resultsFolder))
  return `${machineText(machine)}, ${latest.slice(0, 10)}\n\n${tableOf(results, isMarkdown)}\n${othersOf(results)}`
}

function readResults(path: URL): { machine: Machine; cases: CaseResult[] } {
  return JSON.parse(readFileSync(path, 'utf8')) as { machine: Machine; cases: CaseResult[] }
}

function machineText({ cpus, model, node, redis, diskMs, slowestSpeed }: Machine): string {
  const what = `${cpus} cores of ${model}, Node ${node}, Redis ${redis}; the disk keeps a write within ${numberText(diskMs)} ms`
  if (slowestSpeed === undefined) return what
  const speed = `in its slowest hundredth the processor has ${Math.round(100 * slowestSpeed)} % of its usual speed`
  return `${what}; ${speed}${slowestSpeed < steadySpeed ? ': figures of the 99th percentile tell of that first' : ''}`
}
