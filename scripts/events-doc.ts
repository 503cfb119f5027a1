/**
 * Writes docs/events.md from the catalogue, the schemas and the recorded payloads; a test keeps the file equal.
 * Run it after a change of any of them: `node -C source --import tsx scripts/events-doc.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { catalogue, type EventName, eventNames } from '../src/event/catalogue.ts'
import type { NewEvent } from '../src/event/event.ts'
import { normalise } from '../src/event/normalise.ts'
import { type PlannedField, planOf } from '../src/event/plan.ts'
import { encode } from '../src/event/stored.ts'

const docFile = new URL('../docs/events.md', import.meta.url)
const payloadsFile = new URL('../test/fixtures/payloads.ndjson', import.meta.url)

/** The line of payloads.ndjson that shows an event best. */
const exampleLines: Readonly<Record<EventName, number>> = {
  NewState: 8,
  Transfer: 13,
  IncomingCall: 18,
  OutgoingCall: 20,
  ExtenAdded: 23,
  ExtenRemoved: 24,
  IncomingFax: 28,
  OutgoingFax: 30,
  CdrQueue: 31,
  VoiceMail: 35,
  VoiceMailEmail: 37,
  Survey: 42,
  Cdr: 45,
  TrunkNewState: 54,
  TrunkAdded: 55,
  TrunkRemoved: 56,
  AutoDialerReport: 60,
  ReservedCallInFront: 61,
  Ping: 62,
  Unknown: 66,
}

/** The whole text of docs/events.md. */
export function eventsDoc(): string {
  const payloads = readFileSync(payloadsFile, 'utf8').split('\n')
  const sections = eventNames.map((name) => section(name, payloads[exampleLines[name] - 1] ?? ''))
  return [intro(), overview(), ...sections, storedForm()].join('\n')
}

function intro(): string {
  return `# Events

<!-- Made by scripts/events-doc.ts from src/event; edit there. -->

What a processor finds in \`event.data\`, event by event. Facts are marked where they are not Simotel's documentation:
**S** seen in a public integration, **I** inferred from samples, **U** unknown.

- **Every field may be undefined.** Simotel leaves out what is empty; empty text, \`None\` and \`null\` are undefined too.
- **Names.** One thing has one name, whatever its spelling on the wire (\`starttime\`, \`start_time\` -> \`startTime\`); spellings
  are compared by letters and digits only. Units are in the name or in the table.
- **Text** keeps leading zeros; ids are always text (\`1613906376.30\` is not \`.3\`), also where they came without quotes.
- **Dates** are \`Date\`. Without a zone they are read in \`SIMOTEL_TIMEZONE\` (default UTC); microseconds are cut.
- **Closed sets** hold the values listed; any other is \`'other'\`, and its text is in \`event.raw\`.
- **What cannot be read** is undefined and listed in \`event.problems\` as \`{ field, value, reason }\`; it never costs the event its name.
- **Fields not listed here** stay in \`data\` under the name and with the value they came with; the types do not show them:
  \`(event.data as Record<string, unknown>)['new_field']\`.
- **\`event.callId\`** is \`cuid\`, else \`unique_id\`. An event that names a call runs in that call's lane, \`<source>/call:<callId>\`,
  whatever event it is; the lanes below are for events that name none.
- **Order** is that of arrival: no event carries a number or a time of sending. Cdr, CdrQueue, Survey and the last NewState
  of a call may come in any order (U), a Cdr may never come (S), an IncomingCall may come twice (S).
`
}

function overview(): string {
  const rows = eventNames.map((name) => {
    const { firesWhen, callId } = catalogue[name]
    return `| [${name}](#${name.toLowerCase()}) | ${firesWhen} | ${callIdWords[callId]} | \`${laneWords(name)}\` |`
  })
  return `| event | when | call id | lane without one |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

const callIdWords = {
  yes: 'yes',
  usually: 'usually',
  seen: 'not documented; seen (S)',
  no: 'no',
  unknown: 'U',
} as const

function laneWords(name: EventName): string {
  const { lane } = catalogue[name]
  if (lane === null) return 'event:<eventId>'
  return [lane.prefix, ...lane.fields.map((field) => `<${field}>`)].join(':')
}

function section(name: EventName, payload: string): string {
  const { firesWhen, callId, spellings, lane } = catalogue[name]
  const facts = [
    `Sent when ${firesWhen}. Call id: ${callIdWords[callId]}.`,
    lane === null
      ? 'Without a call id it has a lane of its own and waits for nothing.'
      : `Without a call id its lane is \`<source>/${laneWords(name)}\`${withoutFields[Math.min(lane.fields.length, 2)]}.`,
    ...(spellings.length > 0 ? [`Also spelt ${spellings.map((spelling) => `\`${spelling}\``).join(', ')}.`] : []),
    ...(notes[name] ?? []),
  ]
  return `## ${name}\n\n${facts.join('\n')}\n\n${fieldTable(name)}\n${example(payload)}`
}

/** What is said of a lane made of none, one or several fields. */
const withoutFields = ['', '; without that too, a lane of its own', '; without one of these, a lane of its own']

/** What the tables cannot say. */
const notes: { readonly [N in EventName]?: readonly string[] } = {
  NewState: [
    'A queue that rings all sends one per agent with one call id (S). The events of one extension are spread over the lanes of its calls: who shows presence compares `receivedAt` as well (I).',
  ],
  IncomingCall: ['It names no extension: a pop-up needs NewState.'],
  CdrQueue: ['Several may come for one call.'],
  Cdr: [
    'Several may come for one call, one per leg (I): `callId` is no key for them, `eventId` is. `startTime` is not the start of the call; the whole part of `callId` is, in epoch seconds (I).',
  ],
  VoiceMail: ['With a call id it runs in the lane of the call, and then not in order with its VoiceMailEmail.'],
  AutoDialerReport: [
    'The documented sample has no name: it is recognised by `campaign_id` with `tries` or `try`. Whether it comes once per number or once per try is not known (U).',
  ],
  Ping: ['Its content has never been shown (U).'],
  Unknown: [
    'Everything that came is in `data` under its own names (`event_name` too), and byte for byte in `raw`. A body that cannot be read is in `raw` alone; `problems` says why.',
  ],
}

function fieldTable(name: EventName): string {
  if (name === 'Unknown') return 'Fields: whatever came.\n'
  const { fields } = planOf(name)
  if (fields.length === 0) return 'Fields: none known.\n'
  const rows = fields.flatMap((field) => fieldRows(field, ''))
  return `| field | type | on the wire | |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function fieldRows(field: PlannedField, path: string): string[] {
  const { name, wire, meaning, mark = 'D', unit, inner } = field
  const unitWords = unit === undefined ? '' : `, in ${unit}`
  const markWords = mark === 'D' ? '' : ` (${mark})`
  const spellings = wire.map((spelling) => `\`${spelling}\``).join(', ')
  const row = `| \`${path}${name}\` | ${typeWords(field)} | ${spellings} | ${meaning}${unitWords}${markWords} |`
  const inside = field.kind === 'list' ? `${path}${name}[].` : `${path}${name}.`
  return [row, ...(inner?.fields ?? []).flatMap((one) => fieldRows(one, inside))]
}

function typeWords({ kind, values }: PlannedField): string {
  switch (kind) {
    case 'text':
      return 'text'
    case 'date':
      return 'Date'
    case 'one-of':
      return [...new Set(values?.values()), 'other'].map((value) => `\`'${value}'\``).join(' ')
    case 'group':
      return 'fields'
    case 'list':
      return 'list of fields'
    case 'anything':
      return 'as it came'
    default:
      return kind
  }
}

function example(line: string): string {
  const payload = JSON.parse(line)
  const normalised = normalise(
    {
      method: payload.transport === 'get-query' ? 'GET' : 'POST',
      path: payload.path,
      query: payload.query,
      contentType: payload.content_type,
      body: payload.body_raw,
      bodyEncoding: 'utf8',
    },
    { eventId: '<eventId>', source: 'default', receivedAt: new Date(0), timeZone: 'UTC' },
  )
  if (normalised.kind !== 'event') throw new Error(`the example ${payload.source} is no event`)
  const sent = JSON.stringify(JSON.parse(payload.body_raw), null, 2)
  return `Sent:\n\n\`\`\`json\n${sent}\n\`\`\`\n\nSeen:\n\n\`\`\`js\n${seen(normalised.event)}\n\`\`\`\n`
}

function seen({ name, callId, lane, data }: NewEvent): string {
  return literal({ name, callId, lane, data }, '')
}

/** As one would write it in a program. */
function literal(value: unknown, indent: string): string {
  if (value instanceof Date) return `new Date('${value.toISOString()}')`
  if (typeof value === 'string') return `'${value.replace(/['\\]/g, '\\$&')}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const inner = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => `${inner}${literal(item, inner)},`)
    : Object.entries(value).map(([key, item]) => `${inner}${key}: ${literal(item, inner)},`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return items.length === 0 ? `${open}${close}` : `${open}\n${items.join('\n')}\n${indent}${close}`
}

const storedBody =
  '{"event_name": "Cdr", "starttime": "2021-01-16 06:30:37.471398", "src": "991", "disposition": "NO ANSWER", "billsec": 9, "record": "", "colour": "red", "cuid": "1610778618.378"}'

function storedForm(): string {
  const normalised = normalise(
    { method: 'POST', path: '/', query: '', contentType: 'application/json', body: storedBody, bodyEncoding: 'utf8' },
    {
      eventId: '0198c2f0-1234-7abc-8def-0123456789ab',
      source: 'default',
      receivedAt: new Date(1_610_778_650_123),
      timeZone: 'UTC',
    },
  )
  if (normalised.kind !== 'event') throw new Error('the example of the stored form is no event')
  const stored = JSON.stringify(
    JSON.parse(encode(normalised.event).replace('{', '{"sequence":1610778650123456,')),
    null,
    2,
  )
  return `## How an event is stored

In Redis (\`data\` of a job, and behind the first three words of a follower in \`:lane:<lane>\`) and in the spool an event is plain JSON.
The pages and the API show it with nothing left out. Of this body

\`\`\`json
${storedBody}
\`\`\`

is stored

\`\`\`json
${stored}
\`\`\`

\`v\` is the version of this form. Who reads \`name\`, \`callId\` and \`data\` needs no more than a JSON parser; dates are ISO text. What is as
usual is left out:

| left out | means |
|---|---|
| \`source\` | \`"default"\` |
| \`callId\` | \`null\` |
| \`lane\` | \`<source>/call:<callId>\` |
| \`problems\` | \`[]\` |
| \`raw.method\`, \`raw.path\`, \`raw.query\` | \`"POST"\`, \`"/"\`, \`""\` |
| \`raw.contentType\`, \`raw.bodyEncoding\` | \`"application/json"\`, \`"utf8"\` |
| \`raw.body\` | what \`raw.form\` gives, else \`""\` |

\`raw.body\` is there where the body has no form: a query, a form, JSON over several lines, Python text. Else \`raw.form\` says how the body repeats
\`data\`, a letter for each of its fields, in their order. The body was rebuilt from it before it was stored, and was the same, byte for byte.
A space in front stands for a space behind each comma and colon of the body; braces for its braces.

| letter | field of the body |
|---|---|
| \`n\`, \`v\` | \`event_name\` or \`event\`, with \`name\` |
| \`c\` | \`cuid\`, with \`callId\` |
| \`o\` | the next of \`raw.words\`, with empty text |
| \`x\` | the next of \`raw.words\`, and as its JSON the one behind it |

Every other letter is the next field of \`data\`, under the first name that the tables above have for it "on the wire"; with \`.\` before the letter under
its name in \`data\`, with \`k\` under the next of \`raw.words\`. Its value:

| letter | value in the body |
|---|---|
| \`t\`, \`r\` | that in \`data\`, in quotes; without quotes |
| \`s\`, \`u\` | that in \`data\` as JSON; with all but ASCII as \`\\u0646\` |
| \`C\`, \`P\` | \`no-answer\` as \`"NO ANSWER"\`; as \`"NoAnswer"\` |
| \`y\`, \`Y\` | \`true\` as \`"yes"\`; as \`"True"\` |
| \`d\` | the date as \`"2021-01-16 06:30:37"\`, in UTC, or \`raw.zone\` minutes ahead of it |
| \`m\` and three figures | the same with its milliseconds and these figures behind the point |
| \`e\` | the date in epoch seconds, without quotes |
| \`l\` | the next of \`raw.words\`, which is JSON |
| \`{…}\`, \`[{…}{…}]\` | fields in a field, in the same letters; a list of these |

Version 1 left nothing out; it is read as well.
`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(docFile, eventsDoc())
