import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * When a client that has closed its half of the connection is asked whether it is still there, in milliseconds after that.
 * The last interval repeats. Mostly the answer comes before the first.
 */
const PROBES_MS: readonly number[] = [250, 250, 500, 1000, 2000, 5000]

/** A client that closes its half together with its request has done so within this time, in milliseconds. */
const WITH_REQUEST_MS = 250

/** How long an answer that has begun may pause once its client has closed its half, in milliseconds. */
const PAUSE_MS = 500

/** What is known of a connection. */
interface HalfClosedContext {
  /** The answer that is being written to it, if any. */
  current(): ServerResponse | undefined
  /** How long ago its last request came, in milliseconds. */
  sinceLastRequest(): number
  /** Whether the other end is a trusted proxy. */
  isTrusted(): boolean
}

/**
 * Tells a client that only closed its half of the connection, and waits for its answer, from one that is gone: to the
 * gateway both look alike, until something is written to them. The one is answered; the connection of the other is
 * destroyed, which ends its requests.
 *
 * Before the answer begins, interim answers (`102 Processing`) are written, which the client of a whole connection must
 * skip (RFC 9110 section 15.2). HTTP/1.0 has none. A trusted proxy that speaks it, as nginx does by default, closes its half
 * when its own client is gone; any other client counts as there.
 *
 * Where the answer is under way already, a client that closes its half together with its request gets it to the end, unless
 * it pauses. One that closes later is gone, as are nearly all, so that its slot is free at once.
 */
export function watchHalfClosed(
  socket: Socket,
  { current, sinceLastRequest, isTrusted }: HalfClosedContext,
): void {
  socket.once('end', () => {
    const first = current()
    const hadBegun = first?.headersSent === true
    const hasLeft = hadBegun && sinceLastRequest() > WITH_REQUEST_MS
    if (hasLeft || (first?.headersSent === false && first.req.httpVersion === '1.0' && isTrusted())) {
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
