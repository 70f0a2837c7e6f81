import { once } from 'node:events'
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { onTestFinished } from 'vitest'

/** Begins a request to a port of this machine on a connection of its own; its body is the caller's to send. */
export function begin(port: number, options: RequestOptions = {}): ClientRequest {
  const agent = new Agent()
  const request = httpRequest({ host: '127.0.0.1', port, agent, ...options })
  // That a connection is cut is what many tests are about.
  request.on('error', () => {})
  onTestFinished(() => {
    request.destroy()
    agent.destroy()
  })
  return request
}

/** The answer to a request, when its head has come. */
export async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return response
}
