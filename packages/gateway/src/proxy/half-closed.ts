import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * When a client that has closed its half of the connection is asked whether it is still there, in milliseconds after that.
 * The last interval repeats. Mostly the answer comes before the first.
 */
const PROBES_MS: readonly number[] = [250, 250, 500, 1000, 2000, 5000]

/** How long an answer that has begun may pause once its client has closed its half, in milliseconds. */
const PAUSE_MS = 1000

/**
 * Tells a client that only closed its half of the connection, and waits for its answer, from one that is gone: to the
 * gateway both look alike, until something is written to them. The one is answered; the connection of the other is
 * destroyed, which ends its requests.
 *
 * Before the answer begins, interim answers (`102 Processing`) are written, which the client of a whole connection must
 * skip (RFC 9110 section 15.2). HTTP/1.0 has none. A trusted proxy that speaks it, as nginx does by default, closes its half
 * when its own client is gone; any other client counts as there. Of an answer that was under way already, the next bytes tell.
 *
 * @param current the answer that is being written to the connection, if any
 * @param isTrusted whether the other end is a trusted proxy
 */
export function watchHalfClosed(
  socket: Socket,
  current: () => ServerResponse | undefined,
  isTrusted: () => boolean,
): void {
  socket.once('end', () => {
    const first = current()
    const hadBegun = first?.headersSent === true
    if (first?.headersSent === false && first.req.httpVersion === '1.0' && isTrusted()) {
      socket.destroy()
      return
    }
    let probes = 0
    let written = socket.bytesWritten
    let timer: NodeJS.Timeout | undefined
    const look = () => {
      const response = current()
      if (response?.headersSent === false) probe(response)
      else if (hadBegun && socket.bytesWritten === written) return void socket.destroy()
      written = socket.bytesWritten
      next()
    }
    const next = () => {
      const delay = hadBegun ? PAUSE_MS : PROBES_MS[Math.min(probes++, PROBES_MS.length - 1)]
      timer = setTimeout(look, delay)
    }
    next()
    socket.once('close', () => clearTimeout(timer))
  })
}

/** The system answers what is written to a connection that nobody holds any more with a reset. */
function probe(response: ServerResponse): void {
  if (response.req.httpVersion !== '1.0') response.writeProcessing()
}
