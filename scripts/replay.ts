/**
 * `npm run replay`: dead letters run again, by event id, call, lane, event or error. Exit codes: 0, 1 not done, 2 wrong options.
 */
import { act } from './dead-letters/act.ts'
import { replayHelp } from './dead-letters/help.ts'
import { withQueues } from './dead-letters/open.ts'
import { readActCommand } from './dead-letters/options.ts'

const command = readActCommand(process.argv.slice(2), 'replay')
if (command.kind === 'help') process.stdout.write(replayHelp)
else if (command.kind === 'wrong') {
  process.stderr.write(`${command.problems.join('\n')}\n`)
  process.exitCode = 2
} else process.exitCode = await withQueues((desk) => act(desk, 'replay', command))
