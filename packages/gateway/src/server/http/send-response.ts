import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer } from 'sluice/http'
import { drainBody } from './drain-body.js'

/** Sends a response of the gateway's own. The rest of the request's body is discarded. */
export function sendResponse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
) {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, [
    ...headers.flat(),
    'content-length',
    String(Buffer.byteLength(body)),
    // A shared cache must not serve it to other clients.
    'cache-control',
    'no-store',
  ])
  response.end(body)
  drainBody(request)
}
