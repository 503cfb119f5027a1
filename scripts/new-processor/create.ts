/**
 * What new:processor writes, and what it says. Never overwrites a file.
 */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { catalogue, type EventName, eventNames } from '../../src/event/catalogue.ts'
import { type PlannedField, planOf } from '../../src/event/plan.ts'
import { nearestEvent } from '../../src/runner/nearest.ts'

const help = `Usage: npm run new:processor -- EVENT [--dir FOLDER]

  Writes FOLDER/event.ts and FOLDER/event.test.ts (default folder: workers) for one event; overwrites nothing.

  EVENT is one of
    ${eventNames.slice(0, 10).join(', ')},
    ${eventNames.slice(10).join(', ')}
  docs/events.md tells what each is and has; docs/processors.md what a processor may do.
`

/**
 * Does what the command line asks; gives what to print.
 * @throws Error with a sentence for everything that keeps it from that.
 */
export async function newProcessor(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { dir: { type: 'string', default: 'workers' }, help: { type: 'boolean', short: 'h' } },
  })
  return values.help ? help : create(eventOfArgument(positionals), values.dir)
}

function eventOfArgument([text, ...more]: readonly string[]): EventName {
  if (text === undefined) throw new Error(`Name the event the processor is for.\n\n${help}`)
  if (more.length > 0) throw new Error(`One event at a time, not ${more.length + 1}: give the others in further calls.`)
  const name = eventNames.find((one) => one === text)
  if (name !== undefined) return name
  const guess = nearestEvent(text)
  throw new Error(
    guess === undefined
      ? `There is no event ${text}.\n\n${help}`
      : `There is no event ${text}: did you mean ${guess}? (\`npm run new:processor -- --help\` lists all.)`,
  )
}

/** Writes both files, or none, and says what to do next. */
async function create(name: EventName, dir: string): Promise<string> {
  const file = name.replace(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase()
  const processor = join(dir, `${file}.ts`)
  const test = join(dir, `${file}.test.ts`)
  for (const path of [processor, test]) if (existsSync(path)) throw thereAlready(path)
  await mkdir(dir, { recursive: true })
  // Written only where nothing is, whoever else writes at the same time.
  await writeFile(processor, processorText(name), { flag: 'wx' })
  await writeFile(test, testText(name, file), { flag: 'wx' })
  return `${processor}\n${test}\n\nTry it:  node -C source --import tsx --test ${test}\n`
}

const thereAlready = (path: string): Error =>
  new Error(`${path} is there already and is left as it is: edit it, or move it away first.`)

function processorText(name: EventName): string {
  const fields = planOf(name).fields
  // Numbers do not belong in a log.
  const shown = fields
    .filter(({ isParty }) => !isParty)
    .map((field) => field.name)
    .slice(0, 3)
  const body =
    shown.length === 0
      ? ["  ctx.log.info({ data: event.data }, 'event seen')"]
      : [`  const { ${shown.join(', ')} } = event.data`, `  ctx.log.info({ ${shown.join(', ')} }, 'event seen')`]
  return `/**
 * ${name}: ${catalogue[name].firesWhen}.
 * Safe to run twice: it only logs. (Write here why yours is: an event may run more than once, with the same event.eventId.)
 */
import { defineProcessor } from '#bridge'

export default defineProcessor('${name}', async (event, ctx) => {
${fieldComment(fields)}${body.join('\n')}
  // return                                        completed
  // return ctx.skip('why')                        skipped
  // throw new Error('…')                          tried again, with growing waits
  // throw new RetryLaterError('…', { delayMs })   put off, no attempt used
  // throw new PermanentError('…')                 a dead letter at once
})
`
}

function fieldComment(fields: readonly PlannedField[]): string {
  if (fields.length === 0) return ''
  const width = Math.max(...fields.map(({ name }) => name.length))
  const lines = fields.map((field) => `  //   ${field.name.padEnd(width)}  ${field.meaning} (${formOf(field)})`)
  return `  // event.data, every field of which may be undefined:\n${lines.join('\n')}\n`
}

function formOf({ kind, unit, values }: PlannedField): string {
  if (kind === 'one-of') return [...new Set(values?.values()), 'other'].join(', ')
  if (kind === 'date') return 'Date'
  return unit === undefined ? kind : `${kind}, ${unit}`
}

function testText(name: EventName, file: string): string {
  const [field] = planOf(name).fields
  const made = field?.kind === 'text' ? `eventOf('${name}', { ${field.name}: '553' })` : `eventOf('${name}')`
  return `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventOf, runProcessor } from '#bridge/testing'
import processor from './${file}.ts'

test('${file} processor, given a ${name}, is completed', async () => {
  const outcome = await runProcessor(processor, ${made})

  assert.deepEqual(outcome, { status: 'completed' })
})
`
}
