/**
 * One kept-alive connection of the load generator: a request at a time, and of the answer no more is read than its status and
 * length. A raw socket, because an HTTP client costs as much as the server that is measured.
 */
import { connect } from 'node:net'

export type Connection = {
  /** Sends one request; `onAnswer` is called once its answer is whole. */
  send(request: string): void
  close(): void
}

export type ConnectionOptions = {
  readonly port: number
  /** The whole answer is there. */
  readonly onAnswer: (status: number) => void
  /** The connection broke, or what came is no answer. */
  readonly onFailure: (reason: string) => void
}

/** Connects; resolves when requests can be sent. */
export function openConnection({ port, onAnswer, onFailure }: ConnectionOptions): Promise<Connection> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let rest: Buffer | undefined
    let isClosed = false
    socket.on('data', (chunk) => {
      const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
      const answer = answerIn(bytes)
      rest = answer === undefined ? bytes : undefined
      if (answer === undefined) return
      if (answer.length !== bytes.length) onFailure(`an answer with ${bytes.length - answer.length} bytes too many`)
      else onAnswer(answer.status)
    })
    socket.once('error', (error) => onFailure(error.message))
    socket.once('close', () => {
      if (!isClosed) onFailure('the server closed the connection')
    })
    socket.once('connect', () =>
      resolve({
        send: (request) => void socket.write(request, 'latin1'),
        close() {
          isClosed = true
          socket.destroy()
        },
      }),
    )
  })
}

/** Status and whole length of the answer that these bytes begin with; undefined if it is not complete. */
function answerIn(bytes: Buffer): { readonly status: number; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const length = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return bytes.length < length ? undefined : { status, length }
}
