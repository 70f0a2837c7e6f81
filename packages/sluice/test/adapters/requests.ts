import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http'

export interface AppResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface RequestOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** The body, sent as JSON. */
  readonly body?: unknown
}

/** Sends a request on a new connection, with one header line per value. */
export function sendRequest(port: number, path: string, options: RequestOptions = {}): Promise<AppResponse> {
  return new Promise((resolve, reject) => {
    startRequest(port, path, options)
      .once('response', async (response) => {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
      .once('error', reject)
  })
}

export function startRequest(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body }: RequestOptions = {},
): ClientRequest {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const agent = new Agent()
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method,
    agent,
    headers: { ...json, ...headers },
  })
  return request.end(body === undefined ? undefined : JSON.stringify(body))
}

/** Sends a number of requests in sequence and returns their statuses. */
export async function statuses(
  port: number,
  path: string,
  count: number,
  options: RequestOptions = {},
): Promise<number[]> {
  const seen: number[] = []
  for (let index = 0; index < count; index++) seen.push((await sendRequest(port, path, options)).status)
  return seen
}

/** Starts a request with a streaming response and waits for the first bytes. */
export function openStream(
  port: number,
  path: string,
): Promise<readonly [status: number, request: ClientRequest]> {
  return new Promise((resolve) => {
    const request = startRequest(port, path)
    request.on('error', () => {})
    request.once('response', (response) => {
      response.on('error', () => {})
      response.once('data', () => resolve([response.statusCode ?? 0, request]))
    })
  })
}
