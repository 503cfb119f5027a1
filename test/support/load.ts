/**
 * Load on an ingress as a PBX gives it, and the sender's ledger: what was acknowledged, in the order of each lane, and how long
 * it took. Lanes run side by side; within a lane the next event goes out after the answer to the one before.
 */
import { appendFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

export type LoadOptions = {
  /** Ports of the ingresses, asked anew for each request; lanes are spread over them. */
  readonly ports: () => readonly number[]
  /** As a proxy before them: a port that refuses the connection is passed over for the next one. Default false. */
  readonly failsOver?: boolean
  /** `request`: the next port for each request, whatever its lane. Default: a lane stays with its port. */
  readonly spread?: 'lane' | 'request'
  /** Events a second over all lanes. */
  readonly perSecond: number
  readonly lanes: number
  /** First part of every call id: two loads on one bridge must not share lanes. Default `1`. */
  readonly calls?: string
  /** Every ack is appended to this file, a line an event id, before the next event of its lane goes out. */
  readonly file?: string
  /** A connection per request, as a PBX without keep-alive. Default: kept alive. */
  readonly reconnects?: boolean
  /** Bytes of text added to each event. Default 0. */
  readonly bytes?: number
}

export type Sent = {
  /** Event ids that were acknowledged, of each lane in its order. */
  readonly acked: Map<string, string[]>
  /** Answers other than 200, by status. */
  readonly refused: Map<number, number>
  /** Requests that got no answer, by code: their events may have been taken or not. */
  readonly broken: Map<string, number>
  /**
   * When each request was due, in milliseconds since `performance.timeOrigin`; how long its ack took from when it was sent; and how
   * late it was sent, because the one before it in its lane had not been answered.
   */
  readonly acks: { readonly at: number; readonly tookMs: number; readonly lateMs: number }[]
}

export type Load = {
  readonly sent: Sent
  /** Acknowledged so far. */
  count(): number
  /** Sends nothing more; resolves when every answer is there. */
  stop(): Promise<Sent>
}

/** Starts sending; a lane that cannot connect tries its next event at its next turn. */
export function startLoad({
  ports,
  perSecond,
  lanes,
  calls = '1',
  file,
  reconnects = false,
  bytes = 0,
  failsOver = false,
  spread = 'lane',
}: LoadOptions): Load {
  // Each connection in its turn, as those of several senders would be; the default leaves most of them idle.
  const agent = new Agent({ keepAlive: !reconnects, maxSockets: 512, scheduling: 'fifo' })
  const sent: Sent = { acked: new Map(), refused: new Map(), broken: new Map(), acks: [] }
  const everyMs = (1_000 * lanes) / perSecond
  let isStopped = false
  let count = 0
  let turn = 0

  const playLane = async (lane: number) => {
    const uniqueId = `${calls}00000.${lane}`
    const ids: string[] = []
    sent.acked.set(`default/call:${uniqueId}`, ids)
    let due = performance.now() + (lane / lanes) * everyMs
    for (let number = 0; !isStopped; number += 1) {
      const waitMs = due - performance.now()
      // Not what keeps a process alive whose test has failed before it could stop the load.
      if (waitMs > 0) await pause(waitMs, undefined, { ref: false })
      if (isStopped) return
      // Late because the one before was slow: that wait counts, but it does not pile up over an outage of the ingress.
      const at = Math.max(due, performance.now() - everyMs)
      due = at + everyMs
      const all = ports()
      const first = spread === 'lane' ? lane : turn++
      const body = JSON.stringify({
        event_name: 'NewState',
        unique_id: uniqueId,
        state: 'Up',
        exten: '200',
        number: String(number),
        ...(bytes > 0 && { note: 'x'.repeat(bytes) }),
      })
      const sentAt = performance.now()
      let answer: Answer = {}
      for (let tried = 0; tried < (failsOver ? all.length : 1); tried += 1) {
        answer = await post(agent, all[(first + tried) % all.length] ?? 0, body)
        if (answer.code !== 'ECONNREFUSED') break
      }
      if (answer.eventId !== undefined) {
        if (file !== undefined) appendFileSync(file, `${answer.eventId}\n`)
        ids.push(answer.eventId)
        sent.acks.push({ at, tookMs: performance.now() - sentAt, lateMs: sentAt - at })
        count += 1
      } else if (answer.status !== undefined) add(sent.refused, answer.status)
      else add(sent.broken, answer.code ?? 'unknown')
    }
  }
  const running = Promise.all(Array.from({ length: lanes }, (_, lane) => playLane(lane)))

  return {
    sent,
    count: () => count,
    async stop() {
      isStopped = true
      await running
      agent.destroy()
      return sent
    },
  }
}

type Answer = { readonly eventId?: string; readonly status?: number; readonly code?: string }

/** Posts one JSON body to an ingress on this machine. Never rejects. */
export function post(agent: Agent, port: number, body: string, path = '/simotel/'): Promise<Answer> {
  return new Promise((resolve) => {
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port,
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      timeout: 10_000,
    })
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'NO_ANSWER' })))
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }))
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }))
      response.on('close', () => {
        if (!response.complete) return resolve({ code: 'CUT' })
        const eventId = response.statusCode === 200 ? /"eventId":"([^"]+)"/.exec(text)?.[1] : undefined
        resolve(eventId === undefined ? { status: response.statusCode ?? 0 } : { status: 200, eventId })
      })
    })
    outgoing.end(body)
  })
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

export function total(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

/**
 * The slowest ack, and the one that 99 of 100 were faster than, of those that were due in [from, to). In milliseconds, from when
 * each was sent; with `since: 'due'` from when it was due, so that a sender who is held up does not hide it.
 */
export function ackTimes(
  { acks }: Sent,
  from = 0,
  to = Number.POSITIVE_INFINITY,
  since: 'sent' | 'due' = 'sent',
): { maxMs: number; p99Ms: number } {
  const times = acks
    .filter(({ at }) => at >= from && at < to)
    .map(({ tookMs, lateMs }) => (since === 'due' ? tookMs + lateMs : tookMs))
  times.sort((one, other) => one - other)
  return { maxMs: times.at(-1) ?? 0, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 }
}
