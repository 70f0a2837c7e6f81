import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Arrivals } from './arrivals.js'

export interface UpstreamUnderTest {
  readonly url: string
  /** How many connections were made to it so far. */
  readonly connections: number
  /** What it was asked, one by one, for the test to answer. */
  readonly asked: Arrivals<{ request: IncomingMessage; response: ServerResponse }>
}

/** A server that leaves every answer to the test, or to the listener. It ends with the test. */
export async function httpUpstream(
  listener: (request: IncomingMessage, response: ServerResponse) => void = () => {},
): Promise<UpstreamUnderTest> {
  const asked = new Arrivals<{ request: IncomingMessage; response: ServerResponse }>()
  let connections = 0
  const server = createHttpServer((request, response) => {
    asked.add({ request, response })
    listener(request, response)
  })
  server.on('connection', () => connections++)
  const url = await started(server)
  return {
    url,
    asked,
    get connections() {
      return connections
    },
  }
}

export interface RawUpstream {
  readonly url: string
  /** The bytes that came, a character each, over all connections. */
  readonly received: string
  /** How many connections to it are open. */
  readonly open: number
  /** Each connection, when its first bytes have come. */
  readonly asked: Arrivals<Socket>
}

/**
 * A server that writes bytes and not messages. It ends with the test.
 *
 * @param respond called with each request, of which all is expected to come at once
 */
export async function rawUpstream(
  respond: (socket: Socket, request: string) => void = () => {},
): Promise<RawUpstream> {
  const asked = new Arrivals<Socket>()
  let received = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.once('data', () => asked.add(socket))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      respond(socket, chunk.toString('latin1'))
    })
  })
  const url = await started(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return {
    url,
    asked,
    get received() {
      return received
    },
    get open() {
      return sockets.size
    },
  }
}

/** An address where nothing listens. */
export async function nobodyThere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

async function started(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createHttpServer>).closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Reads a whole body. */
export async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}
