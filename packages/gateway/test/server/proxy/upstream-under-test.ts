import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Arrivals } from './arrivals.js'

export interface UpstreamUnderTest {
  readonly url: string
  /** Number of connections accepted so far. */
  readonly connections: number
  /** The received requests, to which the test can respond. */
  readonly arrivals: Arrivals<{ request: IncomingMessage; response: ServerResponse }>
}

/** Starts a server. The listener or the test sends its responses. It stops after the test. */
export async function httpUpstream(
  listener: (request: IncomingMessage, response: ServerResponse) => void = () => {},
): Promise<UpstreamUnderTest> {
  const arrivals = new Arrivals<{ request: IncomingMessage; response: ServerResponse }>()
  let connections = 0
  const server = createHttpServer((request, response) => {
    arrivals.add({ request, response })
    listener(request, response)
  })
  server.on('connection', () => connections++)
  const url = await listen(server)
  return {
    url,
    arrivals,
    get connections() {
      return connections
    },
  }
}

export interface RawUpstream {
  readonly url: string
  /** The bytes received on all connections, one character per byte. */
  readonly received: string
  /** Number of open connections. */
  readonly open: number
  /** Connections whose first bytes have arrived. */
  readonly arrivals: Arrivals<Socket>
}

/**
 * Starts a server that writes raw bytes. It stops after the test.
 *
 * @param respond called with each request, which is expected to arrive in one piece
 */
export async function rawUpstream(
  respond: (socket: Socket, request: string) => void = () => {},
): Promise<RawUpstream> {
  const arrivals = new Arrivals<Socket>()
  let received = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.once('data', () => arrivals.add(socket))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      respond(socket, chunk.toString('latin1'))
    })
  })
  const url = await listen(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return {
    url,
    arrivals,
    get received() {
      return received
    },
    get open() {
      return sockets.size
    },
  }
}

/** Returns an address where no server listens. */
export async function unusedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createHttpServer>).closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Reads a complete body. */
export async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}
