/**
 * Clients that never finish what they send, in a process of their own, so that they cost the one that measures nothing:
 * `dripping.ts PORT CLIENTS ROUNDS`. Half of them are slow in the head, half in the body. Prints a line once it has loaded, begins
 * when its input ends, and prints a line of JSON: what each was answered.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const [port = 0, clients = 0, rounds = 0] = process.argv.slice(2).map(Number)
const limitMs = 15_000

export type Drip = { readonly status: number; readonly tookMs: number }

function drip(slowInHead: boolean): Promise<Drip> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const since = performance.now()
    let received = ''
    socket.write(
      slowInHead
        ? 'POST /simotel/ HTTP/1.1\r\nX: '
        : 'POST /simotel/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n',
    )
    const dripping = setInterval(() => socket.write('x'), 250)
    const end = () => {
      clearInterval(dripping)
      clearTimeout(limit)
      socket.destroy()
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 0), tookMs: performance.now() - since })
    }
    const limit = setTimeout(end, limitMs)
    socket.on('error', () => {})
    socket.on('close', end)
    socket.on('data', (chunk) => {
      received += chunk
      if (received.includes('}')) end()
    })
  })
}

console.log('loaded')
await once(process.stdin.resume(), 'end')
// Each on its own, as clients are: not all of them connect in the same moment.
const drips = await Promise.all(
  Array.from({ length: clients }, async (_, n) => {
    await pause((n / clients) * 2_000)
    const own: Drip[] = []
    for (let round = 0; round < rounds; round += 1) own.push(await drip(n % 2 === 0))
    return own
  }),
)
console.log(JSON.stringify(drips.flat()))
