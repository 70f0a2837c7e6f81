import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Load at a constant rate. */
export interface Pace {
  /** Requests per second. */
  readonly rate: number
  readonly durationSeconds: number
  readonly connections: number
  /** The bytes of each request. */
  readonly request: Buffer
}

/**
 * Sends requests at a constant rate and returns their latencies in milliseconds.
 *
 * The rate does not depend on the responses (an open loop). Each latency starts when the request
 * was due, so it includes the wait for a free connection. A closed loop would send fewer requests
 * while the server is slow ("coordinated omission"). Timers have a resolution of only a
 * millisecond, so the generator polls and occupies a core.
 *
 * @throws Error if a response is not 200 with a Content-Length, or if a connection closes
 */
export async function measureLatencies(port: number, pace: Pace): Promise<Float64Array> {
  const connections = await Promise.all(Array.from({ length: pace.connections }, () => Connection.to(port)))
  try {
    return await sendAtRate(connections, pace)
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** Sends the requests and returns their latencies in milliseconds, in order of the responses. */
function sendAtRate(
  connections: readonly Connection[],
  { rate, durationSeconds, request }: Pace,
): Promise<Float64Array> {
  const latencies = new Float64Array(Math.round(rate * durationSeconds))
  const free = [...connections]
  let sent = 0
  let responses = 0
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const dueAt = (index: number) => start + (index * 1000) / rate
    const send = (connection: Connection, due: number) =>
      connection.send(request, (error) => {
        if (error !== undefined) return reject(error)
        latencies[responses++] = performance.now() - due
        free.push(connection)
        if (responses === latencies.length) resolve(latencies)
      })
    const step = () => {
      const now = performance.now()
      while (sent < latencies.length && dueAt(sent) <= now) {
        const connection = free.shift()
        if (connection === undefined) break
        send(connection, dueAt(sent++))
      }
      if (sent < latencies.length) setImmediate(step)
    }
    step()
  })
}

type ResponseCallback = (error?: Error) => void

/** A connection with at most one request in flight. */
class Connection {
  readonly #socket: Socket
  #received = ''
  #onResponse: ResponseCallback | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (chunk) => this.#receive(String(chunk)))
    socket.on('error', (error) => this.#onResponse?.(error))
    socket.on('close', () => this.#onResponse?.(new Error('the connection was closed')))
  }

  static async to(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  send(request: Buffer, onResponse: ResponseCallback): void {
    this.#onResponse = onResponse
    this.#socket.write(request)
  }

  close(): void {
    this.#onResponse = undefined
    this.#socket.destroy()
  }

  #receive(chunk: string): void {
    this.#received += chunk
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const head = this.#received.slice(0, headEnd)
    const length = /^content-length: (\d+)/im.exec(head)?.[1]
    if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) {
      this.#onResponse?.(new Error(`unexpected response: ${head}`))
    } else if (this.#received.length >= headEnd + 4 + Number(length)) {
      this.#received = ''
      this.#onResponse?.()
    }
  }
}
