import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer } from 'sluice/http'
import { drainBody } from './drain-body.js'

/** Answers a request in the upstream's place. What still comes of its body is thrown away. */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
) {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, [
    ...headers.flat(),
    'content-length',
    String(Buffer.byteLength(body)),
    // What a shared cache kept of it would be shown to somebody else.
    'cache-control',
    'no-store',
  ])
  response.end(body)
  drainBody(request)
}
