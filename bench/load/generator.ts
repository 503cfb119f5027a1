/**
 * The load generator, a process of its own: webhooks over kept-alive connections, each asked for its next as soon as it has
 * answered (closed loop), or at a fixed rate whatever the server does (open loop; what finds no free connection waits, and its
 * time counts from when it was due). Told what to do by its one argument, it answers with one line of JSON. Any answer but 200
 * ends it.
 */
import { Worker } from 'node:worker_threads'
import { shareOf } from '../statistics.ts'
import { account, bodyOf } from '../support/payload.ts'
import { cpuSecondsOf, residentBytesOf } from '../support/system.ts'
import { type Connection, openConnection } from './connection.ts'

export type LoadOptions = {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** Events a second; closed loop without. */
  readonly perSecond?: number
  /** What comes first is sent and not counted. */
  readonly warmUpMs: number
  readonly measureMs: number
  /** Number of the first call. */
  readonly firstCall: number
  readonly eventsPerCall: number
  /** The calls that go on side by side: the next event of a call comes after one of each of the others. */
  readonly callsAtOnce: number
  /** Processes whose CPU is told, by a name for each. */
  readonly watch: Readonly<Record<string, number>>
}

export type LoadResult = {
  /** Answered 200 within the time that was measured. */
  readonly acked: number
  /** Answered 200 in all. */
  readonly sent: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** How late the generator itself was, at the 99th percentile, while a connection was free. */
  readonly lateP99Ms: number
  /** Seconds of CPU while it was measured, by the names of `watch`; `load` is the generator itself. */
  readonly cpu: Readonly<Record<string, number>>
  /** The most memory that was seen, by the same names. Looked at once a second. */
  readonly residentBytes: Readonly<Record<string, number>>
}

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions
const { port, path, perSecond, warmUpMs, measureMs, firstCall, eventsPerCall, callsAtOnce, watch } = options
const authorization = Buffer.from(`${account.username}:${account.password}`).toString('base64')
const head =
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Basic ${authorization}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${bodyOf(0, 0).length}\r\n\r\n`

let next = 0
let sent = 0
let measured: { readonly at: number; readonly cpu: Record<string, number> } | undefined
const latencies: number[] = []
const lateness: number[] = []
const residentBytes: Record<string, number> = {}
const free: number[] = []
const waiting: number[] = []
const dueAt: number[] = []
const connections: Connection[] = []
let startedAt = 0
let isOver = false

for (let index = 0; index < options.connections; index += 1) {
  connections.push(await openConnection({ port, onAnswer: (status) => answered(index, status), onFailure: fail }))
  free.push(index)
}
setInterval(look, 1_000).unref()
startedAt = performance.now()
if (perSecond === undefined) {
  for (const index of free.splice(0)) send(index, startedAt)
} else {
  pace(perSecond)
}

/** At each tick all that is due by then. */
function pace(rate: number): void {
  let asked = 0
  const pacer = new Worker(new URL('./pacer.js', import.meta.url), {
    workerData: { everyMs: Math.max(1, 1_000 / rate) },
  })
  pacer.on('error', (error) => fail(error.message))
  pacer.on('message', () => {
    const now = performance.now()
    for (let due = dueTime(asked); due <= now && !isOver; due = dueTime(asked)) {
      asked += 1
      // Each in its turn: a connection that is never used is a slow client, and is told so (408).
      const index = free.shift()
      if (index === undefined) waiting.push(due)
      else {
        if (measured !== undefined) lateness.push(now - due)
        send(index, due)
      }
    }
  })

  function dueTime(number: number): number {
    return startedAt + (number * 1_000) / rate
  }
}

function send(index: number, due: number): void {
  dueAt[index] = due
  connections[index]?.send(head + bodyOf(...place(next)))
  next += 1
}

/** Call and turn of the event with this number. */
function place(number: number): [call: number, turn: number] {
  const atOnce = callsAtOnce * eventsPerCall
  const within = number % atOnce
  const call = firstCall + Math.floor(number / atOnce) * callsAtOnce + (within % callsAtOnce)
  return [call, Math.floor(within / callsAtOnce)]
}

function answered(index: number, status: number): void {
  if (status !== 200) fail(`an answer ${status}`)
  sent += 1
  const now = performance.now()
  if (measured !== undefined) latencies.push(now - (dueAt[index] ?? now))
  else if (now >= startedAt + warmUpMs) measured = { at: now, cpu: cpu() }
  if (isOver) return
  if (measured !== undefined && now >= measured.at + measureMs) finish(measured, now)
  else if (perSecond === undefined) send(index, now)
  else sendWaiting(index)
}

/** What has waited longest goes over the connection that has just become free. */
function sendWaiting(index: number): void {
  const due = waiting.shift()
  if (due === undefined) free.push(index)
  else send(index, due)
}

/** Answers to what is under way are waited for, so that no event is half done; what they take is not counted. */
function finish(since: { readonly at: number; readonly cpu: Record<string, number> }, now: number): void {
  isOver = true
  look()
  const used = Object.entries(cpu()).map(([name, seconds]) => [name, seconds - (since.cpu[name] ?? 0)] as const)
  const result: LoadResult = {
    acked: latencies.length,
    sent,
    perSecond: (latencies.length * 1_000) / (now - since.at),
    p50Ms: shareOf(latencies, 0.5),
    p99Ms: shareOf(latencies, 0.99),
    maxMs: shareOf(latencies, 1),
    lateP99Ms: lateness.length === 0 ? 0 : shareOf(lateness, 0.99),
    cpu: Object.fromEntries(used),
    residentBytes,
  }
  const wait = setInterval(() => {
    if (sent < next) return
    clearInterval(wait)
    for (const connection of connections) connection.close()
    process.stdout.write(`${JSON.stringify({ ...result, sent })}\n`, () => process.exit(0))
  }, 5)
  setTimeout(() => fail(`${next - sent} of the last answers do not come`), 10_000).unref()
}

function cpu(): Record<string, number> {
  const watched = Object.entries(watch).map(([name, pid]) => [name, cpuSecondsOf(pid)] as const)
  return Object.fromEntries([...watched, ['load', cpuSecondsOf('self')]])
}

function look(): void {
  for (const [name, pid] of Object.entries(watch))
    residentBytes[name] = Math.max(residentBytes[name] ?? 0, residentBytesOf(pid))
}

function fail(reason: string): never {
  process.stderr.write(`the load ended after ${sent} acks: ${reason}\n`)
  process.exit(1)
}
