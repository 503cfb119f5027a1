/**
 * What `dead`, `replay` and `discard` print for `--help`.
 */
import { defaultLimit } from './options.ts'

const which = `  --call ID        of this call, in every source
  --lane LANE      of this lane, as it is shown: default/exten:991
  --event NAME     of this event: Cdr
  --error TEXT     whose error contains this text, as it is shown (case counts, numbers are masked)`

const settings = `Reads the settings that the processes read, .env included: REDIS_URL, KEY_PREFIX, SHARDS, SOURCES, SIMOTEL_TIMEZONE, MASK_NUMBERS.
In a container: docker compose exec worker node dist/scripts/COMMAND.js`

export const listHelp = `Lists dead letters, newest first.

  npm run dead
  npm run dead -- --call 1700000000.101
  npm run dead -- --error 'CRM answered 503' --json

Which (all that are given must hold)
${which}

How
  --limit N        at most N of them (default ${defaultLimit}; with --json all)
  --json           one JSON object a line, with the stored event and its raw webhook

Exit code: 0; 1 if Redis does not answer or a setting is wrong; 2 for wrong options.
${settings.replace('COMMAND', 'dead')}
`

/** The part that `replay` and `discard` share. */
const steering = (command: 'replay' | 'discard') => `Which (all that are given must hold)
  EVENTID          this one
${which}
  --all            every dead letter

How
  --dry-run        only say which, and in which order

Ctrl-C stops after what is under way; what is left stays dead. Who did what is recorded in Redis.
Exit code: 0; 1 if the event is no dead letter, it was stopped, Redis does not answer or a setting is wrong; 2 for wrong options.
${settings.replace('COMMAND', command)}
`

export const replayHelp = `Runs dead letters again: fresh attempts, the same event id, normalised anew. Each lane's oldest first; one that blocks its lane
runs in its own place, any other behind what is in its lane by then.

  npm run replay -- 0197f3a2-7c1e-7000-8000-000000000001
  npm run replay -- --call 1700000000.101 --dry-run
  npm run replay -- --error 'CRM answered 503'
  npm run replay -- --all

${steering('replay')}`

export const discardHelp = `Gives dead letters up for good: they are removed, and a lane that one of them blocks goes on. There is no way back.

  npm run discard -- 0197f3a2-7c1e-7000-8000-000000000001
  npm run discard -- --call 1700000000.101 --dry-run
  npm run discard -- --error 'no such customer'

${steering('discard')}`
