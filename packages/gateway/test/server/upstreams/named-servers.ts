import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { startUpstream } from '../gateway/running-gateway.js'

/** A server that records what it receives. */
export interface NamedServer {
  readonly url: string
  /** The headers of the requests, in their order. */
  readonly received: IncomingMessage['headers'][]
  /** The responses that wait until the test ends them. */
  readonly held: ServerResponse[]
}

/** Starts a server that responds with its name, or as `respond` does. It stops after the test. */
export async function namedServer(name: string, respond?: RequestListener): Promise<NamedServer> {
  const received: IncomingMessage['headers'][] = []
  const url = await startUpstream((request, response) => {
    received.push(request.headers)
    if (respond === undefined) {
      request.resume()
      request.once('end', () => response.end(name))
    } else respond(request, response)
  })
  return { url, received, held: [] }
}

/** Starts a server that holds all responses. */
export async function holdingServer(name: string): Promise<NamedServer> {
  const held: ServerResponse[] = []
  const server = await namedServer(name, (_, response) => held.push(response))
  return { ...server, held }
}

/** Returns a listener that responds with a status and headers. */
export function answering(status: number, headers: Record<string, string> = {}, body = ''): RequestListener {
  return (request, response) => {
    request.resume()
    request.once('end', () => response.writeHead(status, headers).end(body))
  }
}
