import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A client that sends and receives raw bytes, which an HTTP client would normalize. */
export interface RawClient {
  readonly socket: Socket
  /** The bytes received so far, one character per byte. */
  readonly received: string
  /** Sends a string, one byte per character. */
  send(text: string): void
  /** Waits until a string has arrived `times` times, once by default. */
  until(text: string, times?: number): Promise<void>
  /** Resolves when the connection closes, with the error code or `''`. */
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
  const checks = new Set<() => void>()
  const runChecks = () => {
    for (const check of checks) check()
  }
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    runChecks()
  })
  socket.on('close', runChecks)
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
        const check = () => {
          if (received.split(text).length > times) {
            checks.delete(check)
            resolve()
          } else if (socket.destroyed) {
            const missing = JSON.stringify(text)
            reject(
              new Error(
                `the connection closed before ${missing} arrived; received ${JSON.stringify(received)}`,
              ),
            )
          }
        }
        checks.add(check)
        check()
      })
    },
  }
}

/** Builds the bytes of a request to `localhost`. The body is appended verbatim. */
export function message(line: string, headers: readonly string[] = [], body = ''): string {
  return [line, 'Host: localhost', ...headers, '', body].join('\r\n')
}
