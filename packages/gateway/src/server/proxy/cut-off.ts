import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'

/** Closes a client's connection in the middle of an answer: the only way to tell that a body is not complete. */
export function cutOff(request: IncomingMessage, response: ServerResponse): void {
  // To HTTP/1.0 a connection that just closes is the end of a complete body. TLS tells by itself.
  if (request.httpVersion === '1.0' && !(request.socket instanceof TLSSocket)) {
    request.socket.resetAndDestroy()
  } else {
    response.destroy()
  }
}
