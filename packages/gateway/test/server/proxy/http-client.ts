import { once } from 'node:events'
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { onTestFinished } from 'vitest'

/** Starts a request to a local port on a new connection. The caller sends the body. */
export function begin(port: number, options: RequestOptions = {}): ClientRequest {
  const agent = new Agent()
  const request = httpRequest({ host: '127.0.0.1', port, agent, ...options })
  // Many tests expect the connection to be aborted.
  request.on('error', () => {})
  onTestFinished(() => {
    request.destroy()
    agent.destroy()
  })
  return request
}

/** Returns the response to a request once its headers have arrived. */
export async function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return response
}
