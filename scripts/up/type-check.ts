/**
 * The compiler's word on src and on the processors before anything runs, as one sentence a file with what to do.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { nearestEvent } from '../../src/runner/nearest.ts'

const compiler = 'node_modules/typescript/bin/tsc'
const project = '.data/up/tsconfig.json'
/** What the compiler remembers of the check before: the next one looks at what changed, which takes a fifth of the time. */
export const remembered = '.data/up/types.tsbuildinfo'

/** Sentences for the files that do not type-check, each with the compiler's line; empty if all do. */
export async function typeCheck(processorsDir: string, signal: AbortSignal): Promise<string[]> {
  mkdirSync(dirname(project), { recursive: true })
  // Only what runs: a test that does not compile stops nobody from trying a processor.
  const config = {
    extends: resolve('tsconfig.json'),
    compilerOptions: { noEmit: true, rootDir: '/', incremental: true, tsBuildInfoFile: resolve(remembered) },
    include: [resolve('src'), join(resolve(processorsDir), '*.ts')],
    exclude: ['**/*.test.ts'],
  }
  writeFileSync(project, JSON.stringify(config, undefined, 2))
  const { code, output } = await run(['-p', project, '--pretty', 'false'], signal)
  const problems = describe(output)
  if (code === 0 || signal.aborted) return []
  return problems.length > 0 ? problems : [`The type check ended with ${code}:\n${output.trim()}`]
}

/** The compiler's output as sentences: the first error of each file, with a remedy. */
export function describe(output: string): string[] {
  const byFile = new Map<string, { lines: string[]; more: number }>()
  let current: string[] = []
  for (const text of output.split('\n').filter((line) => line.trim() !== '')) {
    const file = /^(.+?)\(\d+,\d+\): error TS\d+:/.exec(text)?.[1]
    if (file === undefined) {
      current.push(text)
      continue
    }
    const known = byFile.get(file)
    current = [text]
    if (known === undefined) byFile.set(file, { lines: current, more: 0 })
    else known.more += 1
  }
  return [...byFile].map(([file, { lines, more }]) => {
    const rest = more === 0 ? '' : `\n    and ${more} more in this file`
    return `${shown(file)} does not type-check: ${remedy(lines)}.\n    ${lines.slice(0, 4).join('\n    ')}${rest}`
  })
}

/** TypeScript's own messages list whole types; what helps is the name that was meant. */
function remedy(lines: readonly string[]): string {
  const text = lines.join('\n')
  const line = `line ${/\((\d+),/.exec(text)?.[1]}`
  const name = wrongEventName.exec(text)?.[1]
  if (name !== undefined) {
    const meant = nearestEvent(name)
    const hint = meant === undefined ? 'docs/events.md lists them' : `did you mean ${meant}?`
    return `${line} names the event ${name}, which Simotel does not have (${hint}): correct the name`
  }
  const field = /error TS(?:2339|2551): Property '([^']+)' does not exist/.exec(text)?.[1]
  if (field !== undefined) {
    const meant = /Did you mean '([^']+)'\?/.exec(text)?.[1]
    const hint = meant === undefined ? 'docs/events.md lists the fields of each event' : `did you mean ${meant}?`
    return `${line} uses ${field}, which is not there (${hint}): correct the name`
  }
  return `correct ${line}, which the compiler explains below`
}

const wrongEventName =
  /(?:Argument of type|Type) '"([^"]+)"' is not assignable to (?:parameter of )?type '[^']*(?:EventName|ProcessorName)/

function shown(file: string): string {
  const short = relative(process.cwd(), file)
  return short.startsWith('..') ? file : short
}

function run(args: readonly string[], signal: AbortSignal): Promise<{ code: number | null; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [compiler, ...args], { stdio: ['ignore', 'pipe', 'pipe'], signal })
    let output = ''
    const take = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', (error) => (signal.aborted ? done({ code: null, output }) : reject(error)))
    child.once('close', (code) => done({ code, output }))
  })
}
