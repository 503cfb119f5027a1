/**
 * The command line of the simulator: arguments -> options, or sentences that say what is wrong, all at once. Pure.
 */
import { type Disturbances, disturbedInAllWays, forms, idForms, numberForms, undisturbed } from './disturb.ts'
import { flows } from './flows.ts'
import type { PlayOptions } from './play.ts'
import { modes, transports } from './wire.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export type CommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }
  | { readonly kind: 'play'; readonly play: PlayOptions; readonly json: boolean; readonly quiet: boolean }

type Reading<T> = { readonly value: T } | { readonly wanted: string }
type Reader<T> = (text: string) => Reading<T>

const number =
  (min: number, max: number, whole: boolean, unit: string): Reader<number> =>
  (text) => {
    const value = Number(text)
    const isPlain = (whole ? /^\d+$/ : /^\d*\.?\d+$/).test(text)
    if (isPlain && value >= min && value <= max) return { value }
    return { wanted: `a ${whole ? 'whole ' : ''}number of ${unit} from ${min} to ${max}` }
  }

const probability: Reader<number> = (text) => {
  const [, digits = '', percent] = /^(\d*\.?\d+)(%?)$/.exec(text) ?? []
  const value = digits === '' ? Number.NaN : Number(digits) / (percent ? 100 : 1)
  if (value >= 0 && value <= 1) return { value }
  return { wanted: 'a probability from 0 to 1, or 0% to 100%' }
}

const oneOf =
  <const T extends string>(choices: readonly T[]): Reader<T> =>
  (text) => {
    const value = choices.find((choice) => choice === text.toLowerCase())
    return value === undefined ? { wanted: `one of ${choices.join(', ')}` } : { value }
  }

const address: Reader<URL> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && ['http:', 'https:'].includes(url.protocol)) return { value: url }
  return { wanted: 'an address such as http://127.0.0.1:3000/simotel/' }
}

const flowIds: Reader<readonly string[]> = (text) => {
  const value = text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')
  const known = new Set(flows.map((flow) => flow.id))
  if (value.length > 0 && value.every((id) => known.has(id))) return { value }
  return { wanted: `flows out of ${[...known].join(', ')}, separated by commas` }
}

const anyText: Reader<string> = (text) => ({ value: text })

type Drafts = {
  play: Mutable<Omit<PlayOptions, 'url'>> & { url?: URL }
  disturbances: Mutable<Partial<Disturbances>>
  user?: string
  pass?: string
}

/** Puts a value where it belongs, or says what was wanted. */
type Take = (text: string, drafts: Drafts) => string | undefined

const into =
  <T>(read: Reader<T>, put: (drafts: Drafts, value: T) => void): Take =>
  (text, drafts) => {
    const reading = read(text)
    if ('wanted' in reading) return reading.wanted
    put(drafts, reading.value)
    return undefined
  }

const options: Readonly<Record<string, Take>> = {
  url: into(address, (d, value) => {
    d.play.url = value
  }),
  calls: into(number(1, 10_000_000, true, 'calls'), (d, value) => {
    d.play.calls = value
  }),
  flow: into(flowIds, (d, value) => {
    d.play.flows = value
  }),
  'events-per-call': into(number(1, 10_000, true, 'events'), (d, value) => {
    d.play.eventsPerCall = value
  }),
  rate: into(number(0.001, 1_000_000, false, 'events a second'), (d, value) => {
    d.play.rate = value
  }),
  speed: into(number(0.001, 1_000_000, false, 'times call time'), (d, value) => {
    d.play.speed = value
  }),
  gap: into(number(0, 86_400, false, 'seconds'), (d, value) => {
    d.play.gapSeconds = value
  }),
  concurrency: into(number(1, 10_000, true, 'calls at a time'), (d, value) => {
    d.play.concurrency = value
  }),
  transport: into(oneOf(transports), (d, value) => {
    d.play.transport = value
  }),
  mode: into(oneOf(modes), (d, value) => {
    d.play.mode = value
  }),
  user: into(anyText, (d, value) => {
    d.user = value
  }),
  pass: into(anyText, (d, value) => {
    d.pass = value
  }),
  repeat: into(probability, (d, value) => {
    d.disturbances.repeat = value
  }),
  omit: into(probability, (d, value) => {
    d.disturbances.omit = value
  }),
  shuffle: into(probability, (d, value) => {
    d.disturbances.shuffle = value
  }),
  twin: into(probability, (d, value) => {
    d.disturbances.twin = value
  }),
  component: into(probability, (d, value) => {
    d.disturbances.component = value
  }),
  'give-up': into(probability, (d, value) => {
    d.disturbances.giveUp = value
  }),
  ids: into(oneOf(idForms), (d, value) => {
    d.disturbances.ids = value
  }),
  spelling: into(oneOf(forms), (d, value) => {
    d.disturbances.spelling = value
  }),
  numbers: into(oneOf(numberForms), (d, value) => {
    d.disturbances.numbers = value
  }),
  seed: into(number(0, 4_294_967_295, true, 'a seed'), (d, value) => {
    d.play.seed = value
  }),
  'base-time': into(number(0, 4_102_444_800, true, 'epoch seconds'), (d, value) => {
    d.play.baseTime = value
  }),
  timeout: into(number(1, 600_000, true, 'milliseconds'), (d, value) => {
    d.play.timeoutMs = value
  }),
}

const switches: ReadonlySet<string> = new Set(['disturb', 'marks', 'json', 'quiet', 'help'])

/** The names of all options, without dashes. */
export const optionNames: readonly string[] = [...Object.keys(options), ...switches]

/** Reads arguments: `--name value`, `--name=value`, switches alone. The last of two equal options counts. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const drafts: Drafts = { play: {}, disturbances: {} }
  const problems: string[] = []
  const on = new Set<string>()
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    const [, name = '', given] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument === '-h' ? '--help' : argument) ?? []
    const take = options[name]
    if (switches.has(name) && given === undefined) on.add(name)
    else if (switches.has(name)) problems.push(`--${name} takes no value; got ${shown(given ?? '')}.`)
    else if (take === undefined) problems.push(unknown(argument))
    else {
      const text = given ?? argv[index + 1]
      if (text === undefined || (given === undefined && text.startsWith('--'))) {
        problems.push(`--${name} needs a value.`)
        continue
      }
      if (given === undefined) index += 1
      const wanted = take(text, drafts)
      if (wanted !== undefined) problems.push(`--${name} ${shown(text)} is not accepted: give ${wanted}.`)
    }
  }
  if (on.has('help')) return { kind: 'help' }
  problems.push(...contradictions(drafts, problems))
  const { url, ...play } = drafts.play
  if (problems.length > 0 || url === undefined) return { kind: 'wrong', problems }
  const credentials = credentialsOf(url, drafts)
  return {
    kind: 'play',
    play: {
      ...play,
      url: withoutCredentials(url),
      disturbances: { ...(on.has('disturb') ? disturbedInAllWays : undisturbed), ...drafts.disturbances },
      marks: on.has('marks'),
      ...(credentials && { credentials }),
    },
    json: on.has('json'),
    quiet: on.has('quiet'),
  }
}

function contradictions({ play, user, pass }: Drafts, problems: readonly string[]): string[] {
  const found: string[] = []
  if (play.url === undefined && !problems.some((problem) => problem.startsWith('--url'))) {
    found.push('Say where to send, for instance --url http://127.0.0.1:3000/simotel/.')
  }
  if (play.rate !== undefined && play.speed !== undefined) {
    found.push('--rate and --speed are both given: one counts events a second, the other follows call time; give one.')
  }
  if (play.flows !== undefined && play.eventsPerCall !== undefined) {
    found.push('--flow and --events-per-call are both given: the second plays no flow; give one.')
  }
  if ((user === undefined) !== (pass === undefined)) found.push('--user and --pass belong together: give both or none.')
  if (user?.includes(':')) found.push('--user must not hold a colon: HTTP Basic cannot carry it.')
  return found
}

function credentialsOf(url: URL, { user, pass }: Drafts): PlayOptions['credentials'] {
  if (user !== undefined && pass !== undefined) return { user, pass }
  if (url.username === '') return undefined
  return { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

function unknown(argument: string): string {
  if (!argument.startsWith('-')) return `${shown(argument)} is no option: options begin with --, see --help.`
  return `${shown(argument.split('=', 1)[0] ?? '')} is no option of the simulator: see --help.`
}

const shown = (text: string) => (text === '' ? '"" (nothing)' : text.slice(0, 100))
