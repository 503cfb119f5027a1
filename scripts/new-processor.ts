/**
 * `npm run new:processor -- Cdr`: writes a processor for an event and its test, which compile, pass and show the event's
 * fields.
 */
import { newProcessor } from './new-processor/create.ts'

try {
  process.stdout.write(await newProcessor(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
