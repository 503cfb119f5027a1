/**
 * Loading: the files of a folder become the registry of processors, or one error that lists everything wrong with them.
 * One file, one default export, one processor an event. Sub-folders, tests and names that begin with `_` or `.` are not read.
 */
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ProcessorLoadError } from '../errors.ts'
import type { EventName } from '../event/catalogue.ts'
import type { Log } from '../log.ts'
import { isProcessor, type Processor, type ProcessorName } from './define.ts'
import { propertyOf, safeText } from './thrown.ts'

export type Loaded = { readonly processor: Processor; readonly path: string }

/** The processors of one worker, by event name. */
export type Registry = {
  /** The processor of an event: its own, else the one for `'*'`, else undefined. */
  find(name: EventName): Loaded | undefined
  /** Which file takes which events; sorted by file. */
  readonly list: readonly { readonly name: ProcessorName; readonly path: string }[]
}

/**
 * The registry of the processors in `dir`; empty if it holds none. Files are imported one after the other, by name.
 * @throws ProcessorLoadError with one sentence for each file that cannot be used, all at once, naming file and remedy.
 */
export async function loadProcessors(dir: string): Promise<Registry> {
  const problems: Problem[] = []
  const loaded: Loaded[] = []
  for (const file of await processorFiles(dir, problems)) {
    const path = join(dir, file)
    const processor = await importProcessor(path, problems)
    if (processor !== undefined) loaded.push({ processor, path })
  }
  const byName = new Map<ProcessorName, Loaded>()
  for (const one of loaded) {
    for (const name of one.processor.names) {
      const other = byName.get(name)
      if (other === undefined) byName.set(name, one)
      else problems.push({ text: twice(name, other.path, one.path) })
    }
  }
  if (problems.length > 0) throw loadError(problems)
  return registryOf(byName)
}

/** A registry of processors that are at hand already, under the names given; for tests and embedding. */
export function registryOf(byName: ReadonlyMap<ProcessorName, Loaded>): Registry {
  return {
    find: (name) => byName.get(name) ?? byName.get('*'),
    list: [...byName].map(([name, { path }]) => ({ name, path })),
  }
}

/** One log line with name -> file, or a warning if there is nothing that would process an event. */
export function logProcessors({ list }: Registry, dir: string, log: Log): void {
  if (list.length === 0) {
    log.warn({ dir }, 'no processor found: every event will be skipped; add one with `npm run new:processor -- Cdr`')
  } else {
    log.info({ processors: Object.fromEntries(list.map(({ name, path }) => [name, path])) }, 'processors loaded')
  }
}

type Problem = { readonly text: string; readonly cause?: unknown }

const source = /\.(?:ts|mts|js|mjs)$/
const declaration = /\.d\.m?ts$/
const testFile = /\.test\.[^.]+$/
/** Code that looks like a processor and would silently never run. */
const otherSource = /\.(?:cjs|cts|tsx|jsx)$/

const longestImportMs = 30_000

async function processorFiles(dir: string, problems: Problem[]): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause: unknown) => {
    throw loadError([{ text: folderProblem(dir, cause), cause }])
  })
  const names = entries
    .filter((entry) => !entry.isDirectory() && !/^[._]/.test(entry.name) && !testFile.test(entry.name))
    .map((entry) => entry.name)
    .sort()
  for (const name of names.filter((one) => otherSource.test(one))) {
    problems.push({
      text: `${shown(join(dir, name))} is not read: give it the ending .ts, or begin its name with _ if it is no processor.`,
    })
  }
  return names.filter((name) => source.test(name) && !declaration.test(name))
}

async function importProcessor(path: string, problems: Problem[]): Promise<Processor | undefined> {
  const file = shown(path)
  let exported: Record<string, unknown>
  try {
    exported = await inTime(import(pathToFileURL(path).href))
  } catch (cause) {
    const text = importProblem(path, cause)
    // Said of the folder once: its other files have the same problem.
    if (!isNoTypeScript(cause) || !problems.some((one) => isNoTypeScript(one.cause))) problems.push({ text, cause })
    return undefined
  }
  const found = exported['default']
  if (isProcessor(found)) return found
  const remedy =
    "write `export default defineProcessor('Cdr', async (event, ctx) => { … })`, or move it into a sub-folder if it is no processor"
  problems.push({
    text:
      found === undefined
        ? `${file} has no default export: ${remedy}.`
        : `${file} has a default export that defineProcessor did not make: ${remedy}.`,
  })
  return undefined
}

/** A file whose top-level await never ends would keep the worker from starting, without a word. */
async function inTime<T>(imported: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`its import does not end, waited ${longestImportMs} ms for a top-level await`)),
      longestImportMs,
    )
  })
  return Promise.race([imported, tooLong]).finally(() => clearTimeout(timer))
}

function folderProblem(dir: string, cause: unknown): string {
  const folder = shown(dir)
  const code = propertyOf(cause, 'code')
  if (code === 'ENOENT') {
    return `The folder of processors ${folder} does not exist: run \`npm run build\` if it is the one in dist, or set WORKERS_DIR.`
  }
  if (code === 'ENOTDIR')
    return `The folder of processors ${folder} is a file: set WORKERS_DIR to the folder it lies in.`
  return `The folder of processors ${folder} cannot be read (${reason(cause)}): set WORKERS_DIR, or give this user the right to read it.`
}

const isNoTypeScript = (cause: unknown): boolean =>
  propertyOf(cause, 'code') === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.m?ts\b/.test(String(propertyOf(cause, 'message')))

function importProblem(path: string, cause: unknown): string {
  const file = shown(path)
  const code = propertyOf(cause, 'code')
  const message = String(propertyOf(cause, 'message') ?? '')
  if (code === 'BRIDGE_PROCESSOR_LOAD') return `${file}: ${message}`
  if (isNoTypeScript(cause)) {
    return `${file} is TypeScript, which Node ${process.versions.node} does not run by itself: run \`npm run build\` and set WORKERS_DIR to dist/workers, or use Node 22.18 or later.`
  }
  if (code === 'ERR_PACKAGE_IMPORT_NOT_DEFINED') {
    return `${file} cannot import #bridge from where it lies: keep the folder of processors inside the project, below its package.json.`
  }
  return `${file} cannot be loaded (${reason(cause)}): correct it and start again.`
}

const twice = (name: ProcessorName, first: string, second: string): string =>
  `${shown(first)} and ${shown(second)} are both for ${name === '*' ? "'*'" : name}: keep one, an event has one processor.`

/** Paths as one would type them: relative where they lie below the working folder. */
function shown(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') ? path : short
}

function reason(cause: unknown): string {
  const name = propertyOf(cause, 'name')
  const message = propertyOf(cause, 'message')
  const text = typeof message === 'string' && message !== '' ? message : String(cause)
  return safeText(typeof name === 'string' && name !== 'Error' ? `${name}: ${text}` : text, 400)
}

function loadError(problems: readonly Problem[]): ProcessorLoadError {
  const [first, ...more] = problems
  const texts = problems.map(({ text }) => text)
  const message =
    more.length === 0
      ? texts.join('')
      : `${problems.length} things are wrong with the processors:\n  ${texts.join('\n  ')}`
  return new ProcessorLoadError(message, first?.cause === undefined ? undefined : { cause: first.cause })
}
