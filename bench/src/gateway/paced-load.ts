import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Requests at an even pace. */
export interface Pace {
  /** Requests a second. */
  readonly rate: number
  /** In seconds. */
  readonly duration: number
  readonly connections: number
  /** What is sent for each, as it stands on the wire. */
  readonly request: Buffer
}

/**
 * How long each of the requests took that were sent at an even pace, in milliseconds.
 *
 * The pace does not wait for answers (an open loop), and each request is measured from the moment at which it was due: where all connections
 * are taken, the wait for one counts. A generator that sends the next when it has the answer to the last would send less just when it takes
 * long ("coordinated omission"). Nothing sleeps meanwhile, since timers are of whole milliseconds: it takes a core.
 *
 * @throws Error where an answer is not 200 with a Content-Length, or a connection closes.
 */
export async function latenciesOf(port: number, pace: Pace): Promise<Float64Array> {
  const connections = await Promise.all(Array.from({ length: pace.connections }, () => Connection.to(port)))
  try {
    return await paced(connections, pace)
  } finally {
    for (const connection of connections) connection.close()
  }
}

function paced(connections: readonly Connection[], { rate, duration, request }: Pace): Promise<Float64Array> {
  const took = new Float64Array(Math.round(rate * duration))
  const free = [...connections]
  let sent = 0
  let answered = 0
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const dueAt = (index: number) => begun + (index * 1000) / rate
    const send = (connection: Connection, due: number) =>
      connection.ask(request, (error) => {
        if (error !== undefined) return reject(error)
        took[answered++] = performance.now() - due
        free.push(connection)
        if (answered === took.length) resolve(took)
      })
    const step = () => {
      const now = performance.now()
      while (sent < took.length && dueAt(sent) <= now) {
        const connection = free.shift()
        if (connection === undefined) break
        send(connection, dueAt(sent++))
      }
      if (sent < took.length) setImmediate(step)
    }
    step()
  })
}

type Answered = (error?: Error) => void

/** A connection that has one request under way at a time. */
class Connection {
  readonly #socket: Socket
  #received = ''
  #answered: Answered | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (text) => this.#receive(String(text)))
    socket.on('error', (error) => this.#answered?.(error))
    socket.on('close', () => this.#answered?.(new Error('the connection was closed')))
  }

  static async to(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  ask(request: Buffer, answered: Answered): void {
    this.#answered = answered
    this.#socket.write(request)
  }

  close(): void {
    this.#answered = undefined
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#received += text
    const headEnds = this.#received.indexOf('\r\n\r\n')
    if (headEnds === -1) return
    const head = this.#received.slice(0, headEnds)
    const length = /^content-length: (\d+)/im.exec(head)?.[1]
    if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) {
      this.#answered?.(new Error(`an answer that is not measured: ${head}`))
    } else if (this.#received.length >= headEnds + 4 + Number(length)) {
      this.#received = ''
      this.#answered?.()
    }
  }
}
