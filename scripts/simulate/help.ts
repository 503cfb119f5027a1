/**
 * What `npm run simulate -- --help` prints. A test keeps it equal to the options there are.
 */
import { forms, idForms, numberForms } from './disturb.ts'
import { defaultGapSeconds } from './facts.ts'
import { flows } from './flows.ts'
import { modes, transports } from './wire.ts'

export function helpText(): string {
  return `Plays whole Simotel calls to an address, the way Simotel's Event Webhooks come: to see the bridge work, to load it, to test it.

  npm run simulate -- --url http://127.0.0.1:3000/simotel/
  npm run simulate -- --url http://127.0.0.1:3000/simotel/ --calls 250 --transport mix --mode mix --disturb
  npm run simulate -- --url http://127.0.0.1:3000/simotel/ --flow 1,5 --speed 10

Within a call the next webhook goes out after the answer to the one before; calls run side by side.

What to play
  --url URL              the address as entered in Simotel's settings (needed)
  --calls N              how many calls; the flows are taken in turn (default: one of each)
  --flow ID[,ID…]        only these flows (below)
  --events-per-call N    calls of exactly N events instead of flows

How fast
  --rate R               R events a second over all calls, 0.5 and 2000 are both fine (default: full speed)
  --speed X              paced in call time divided by X: 1 as it really was, 10 ten times as fast; not with --rate
  --gap S                seconds of call time between the starts of two calls (default ${defaultGapSeconds}; for --speed and the ids)
  --concurrency N        calls at a time (default 32, with --rate or --speed 256)

How it travels
  --transport T          ${transports.join(', ')} (default json)
  --mode M               ${modes.join(', ')}: G one address for all, Rest the name in the path, in either spelling (default g)
  --user U --pass P      HTTP Basic

Disturbances (P is a probability: 0.1 and 10% are the same; default 0)
  --repeat P             per webhook: delivered twice, byte for byte
  --omit P               per call: one event left out, mostly the Cdr
  --shuffle P            per pair of neighbours in a call: swapped
  --twin P               per IncomingCall: a second copy without an id
  --component P          per call: a dialplan component's request, which must be refused with 422 (not a failure)
  --give-up P            per webhook: the connection is closed without waiting for the answer
  --ids F                ${idForms.join(', ')} (default documented)
  --spelling F           ${forms.join(', ')}: NewState, New State, newstate, new_state (default documented)
  --numbers F            ${numberForms.join(', ')}: figures as text (default documented)
  --disturb              some of everything above; what is given beside it counts

Again
  --seed N               the same seed and options give the same requests (default: random, printed)
  --base-time T          epoch seconds in the first call id (default: from the seed, or now if that is random)

Output
  --marks                adds sim_call and sim_ordinal (place in the lane) to each event, to check order at the other end
  --timeout MS           how long an answer may take (default 5000, as Simotel)
  --json                 the summary as one JSON object on standard output
  --quiet                nothing but the summary
  --help                 this text

Ends with 0 if everything was answered as it should be, 1 if something was not, 2 for wrong options. Ctrl-C stops sending,
waits for the answers under way and prints the summary.

Flows
${flows.map((flow) => `  ${flow.id.padEnd(14)}${flow.title}`).join('\n')}
`
}
