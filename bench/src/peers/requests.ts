import { KEYS } from '../gateway/proxies.js'

/** The requests of a load. Each carries one of a thousand API keys. */
export interface Requests {
  readonly path: string
  readonly body: string
}

export const PREDICTIONS: Requests = { path: '/predict', body: '{"features":[1,2,3]}' }

export const COMPLETIONS: Requests = { path: '/v1/chat/completions', body: completion({}) }

/** Returns the body of a streamed completion with a number of events. */
export function streamedCompletion(events: number): string {
  return completion({ stream: true, max_tokens: events })
}

function completion(members: object): string {
  const messages = [{ role: 'user', content: 'What is a limit?' }]
  return JSON.stringify({ model: 'stub', messages, max_tokens: 16, ...members })
}

/** Returns the bytes of one request. */
export function requestBytes({ path, body }: Requests, port: number): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Authorization: Bearer ${KEYS[0]}`,
    `Content-Length: ${body.length}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
