/**
 * A few questions to a Redis over one short-lived connection, spoken by hand: only src/queue has a client.
 */
import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** Undefined if the server at `url` answers a PING within `limitMs`, else why not, in a few words. */
export async function ping(url: string, limitMs: number, tlsCa?: string): Promise<string | undefined> {
  try {
    const lines = await ask(url, [['PING']], limitMs, tlsCa)
    const refusal = lines.find((line) => line.startsWith('-'))
    return refusal?.slice(1) ?? (lines.includes('+PONG') ? undefined : 'that is not a Redis')
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    return message || code || String(error)
  }
}

/** Where the server keeps its data; undefined if it does not say. */
export async function dataFolder(url: string): Promise<string | undefined> {
  const lines = await ask(url, [['CONFIG', 'GET', 'dir']], 2_000).catch((): string[] => [])
  const at = lines.indexOf('dir')
  return at === -1 ? undefined : lines[at + 2]
}

/** Lines of the answers, in order: logs in as the URL says, asks, and reads until the server closes. */
function ask(url: string, questions: string[][], limitMs: number, tlsCa?: string): Promise<string[]> {
  const { protocol, hostname, port, username, password } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '') || '127.0.0.1'
  const to = { host, port: Number(port) || 6379 }
  const login = [username, password].filter((part) => part !== '').map(decodeURIComponent)
  const commands = [...(password === '' ? [] : [['AUTH', ...login]]), ...questions, ['QUIT']]
  return new Promise((resolve, reject) => {
    const ca = tlsCa === undefined ? {} : { ca: readFileSync(tlsCa) }
    const socket =
      protocol === 'rediss:'
        ? connectTls({ ...to, ...(isIP(host) === 0 && { servername: host }), ...ca })
        : connectTcp(to)
    let answer = ''
    const limit = setTimeout(() => socket.destroy(new Error(`no answer within ${limitMs} ms`)), limitMs)
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      answer += text
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(limit)
      resolve(answer.split('\r\n'))
    })
    socket.write(commands.map(encode).join(''))
  })
}

function encode(command: readonly string[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
  return `*${command.length}\r\n${parts.join('')}`
}
