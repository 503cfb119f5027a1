/**
 * `npm run dead`: lists dead letters. Exit codes: 0, 1 could not be asked, 2 wrong options.
 */
import { listHelp } from './dead-letters/help.ts'
import { list } from './dead-letters/list.ts'
import { withQueues } from './dead-letters/open.ts'
import { readListCommand } from './dead-letters/options.ts'

// A reader that goes away (`| head`) ends the listing without a word.
process.stdout.on('error', () => process.exit(0))
const command = readListCommand(process.argv.slice(2))
if (command.kind === 'help') process.stdout.write(listHelp)
else if (command.kind === 'wrong') {
  process.stderr.write(`${command.problems.join('\n')}\n`)
  process.exitCode = 2
} else process.exitCode = await withQueues((desk) => list(desk, command))
