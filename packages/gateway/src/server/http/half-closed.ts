import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Intervals between probes of a half-closed connection, in milliseconds. The last one repeats. Most
 * responses begin before the first probe.
 */
const PROBE_INTERVALS_MS: readonly number[] = [250, 250, 500, 1000, 2000, 5000]

/**
 * Maximum time between a request and a half-close that counts as sent with it, in milliseconds.
 */
const SAME_TIME_MS = 250

/** Maximum pause of a response to a half-closed connection, in milliseconds. */
const MAX_PAUSE_MS = 500

/** The state of a connection on which the decision depends. */
interface HalfClosedContext {
  /** The response that is being written or is next in line, if any. */
  currentResponse(): ServerResponse | undefined
  /** Milliseconds since the last request arrived. */
  sinceLastRequestMs(): number
  /** Reports whether the peer is a trusted proxy. */
  isTrusted(): boolean
}

/**
 * Distinguishes a client that closed only its half of the connection, and waits for the response,
 * from one that disconnected. Both look alike until something is written. The first gets its
 * response; the connection of the second is destroyed, which ends its requests.
 *
 * Before the response begins, the client is probed with interim responses (`102 Processing`), which
 * clients must skip (RFC 9110 section 15.2). HTTP/1.0 has no interim responses. A trusted proxy
 * that uses HTTP/1.0, as nginx does by default, closes its half when its own client disconnects;
 * other HTTP/1.0 clients are assumed to be still connected.
 *
 * Once the response has begun, a client that closed its half together with its request gets the
 * rest, unless the response pauses. A client that closes later has almost certainly disconnected,
 * so its slot is freed immediately.
 */
export function watchHalfClosed(
  socket: Socket,
  { currentResponse, sinceLastRequestMs, isTrusted }: HalfClosedContext,
): void {
  socket.once('end', () => {
    const first = currentResponse()
    const hadBegun = first?.headersSent === true
    const isDisconnect = hadBegun && sinceLastRequestMs() > SAME_TIME_MS
    if (isDisconnect || (first?.headersSent === false && first.req.httpVersion === '1.0' && isTrusted())) {
      socket.destroy()
      return
    }
    let probes = 0
    let written = socket.bytesWritten
    let timer: NodeJS.Timeout | undefined
    const check = () => {
      const response = currentResponse()
      if (response?.headersSent === false) probe(response)
      else if (hadBegun && socket.bytesWritten === written) return void socket.destroy()
      written = socket.bytesWritten
      schedule()
    }
    const schedule = () => {
      const delay = hadBegun
        ? MAX_PAUSE_MS
        : PROBE_INTERVALS_MS[Math.min(probes++, PROBE_INTERVALS_MS.length - 1)]
      timer = setTimeout(check, delay)
    }
    schedule()
    socket.once('close', () => clearTimeout(timer))
  })
}

/**
 * Writes an interim response. The system of a client that has disconnected responds with a reset.
 */
function probe(response: ServerResponse): void {
  if (response.req.httpVersion !== '1.0') response.writeProcessing()
}
