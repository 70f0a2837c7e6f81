import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { problem } from 'sluice/http'

/** Answers CONNECT, which asks for a tunnel and comes without the means to answer it as other requests are. */
export function refuseTunnel({ httpVersion }: IncomingMessage, socket: Duplex): void {
  const { body } = problem(501, 'Not implemented', 'This gateway opens no tunnels; send the request itself.')
  const head = [
    `HTTP/${httpVersion === '1.0' ? '1.0' : '1.1'} 501 Not Implemented`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  // A client may leave before it is answered.
  socket.on('error', () => {})
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
