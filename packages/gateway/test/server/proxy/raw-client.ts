import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * A client that sends bytes verbatim, which an HTTP client would normalize, and returns raw bytes.
 */
export interface RawClient {
  readonly socket: Socket
  /** The bytes received so far, one character per byte. */
  readonly received: string
  /** Sends a string, one byte per character. */
  send(text: string): void
  /** Waits for a string to arrive; `times` selects its n-th occurrence. */
  until(text: string, times?: number): Promise<void>
  /** Resolves when the connection has closed, with the error code; `''` without an error. */
  readonly closed: Promise<string>
}

/** Connects to a local port. The connection closes after the test. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  onTestFinished(() => {
    socket.destroy()
  })
  let received = ''
  let code = ''
  const looks = new Set<() => void>()
  const lookAgain = () => {
    for (const look of looks) look()
  }
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    lookAgain()
  })
  socket.on('close', lookAgain)
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? 'UNKNOWN'
  })
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(code)))
  await once(socket, 'connect')

  const send = (text: string) => {
    socket.write(text, 'latin1')
  }
  return {
    socket,
    closed,
    send,
    get received() {
      return received
    },
    until(text, times = 1) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (received.split(text).length > times) {
            looks.delete(look)
            resolve()
          } else if (socket.destroyed) {
            const missed = JSON.stringify(text)
            reject(new Error(`the connection closed before ${missed} came; ${JSON.stringify(received)} did`))
          }
        }
        looks.add(look)
        look()
      })
    },
  }
}

/** Builds a request to `localhost` with a verbatim body. */
export function message(line: string, headers: readonly string[] = [], body = ''): string {
  return [line, 'Host: localhost', ...headers, '', body].join('\r\n')
}
