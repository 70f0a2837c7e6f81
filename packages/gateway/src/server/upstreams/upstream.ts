import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { parseUpstreamUrl } from '../../policy/config/upstream-url.js'
import { secureOptions, type TlsMaterial } from '../http/tls-files.js'
import { watchUpstreamSocket } from './upstream-socket.js'

/** Timeouts in milliseconds; 0 for none. Timeouts above a second are accurate to about a second. */
export interface UpstreamTimeouts {
  /** For the connection, including TLS. */
  readonly connect: number
  /** For the head of the response, once the request is sent. */
  readonly headers: number
  /** For the next bytes of a response, and for the client to accept the bytes written to it. */
  readonly idle: number
}

export interface UpstreamTlsOptions extends TlsMaterial {
  /** The name in the certificate of the upstream. Default: the host of the URL. */
  readonly serverName?: string | undefined
}

/** A server to which requests are forwarded. */
export interface Upstream {
  /** The Host header for the upstream, such as `127.0.0.1:9000`. */
  readonly host: string
  /** The prefix of every path: `''`, or a path without a trailing slash. */
  readonly basePath: string
  readonly timeouts: UpstreamTimeouts
  readonly dispatcher: Dispatcher
  /** Sends one request on a new connection, which is closed after the response. */
  dispatchOnNewConnection(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void
  /** Accepts no new requests, waits for those in flight, then closes the connections. */
  close(): Promise<void>
  /** Closes the connections immediately. Requests in flight are aborted. */
  destroy(): Promise<void>
}

/**
 * Shorter than the 5 s after which uvicorn and Node close idle connections, so that no request
 * races with the close.
 */
const KEEP_ALIVE_MS = 4000

/**
 * Creates the connection pool of one upstream.
 *
 * The pool opens as many connections as there are requests in flight. A bound here would silently
 * queue requests behind streams that last for minutes; use concurrency limits instead.
 *
 * @param url http or https; its path prefixes every path
 * @param tls for https
 * @throws RangeError or TypeError for an invalid URL or timeout
 */
export function createUpstream(
  url: string,
  timeouts: UpstreamTimeouts,
  { serverName, ...material }: UpstreamTlsOptions = {},
): Upstream {
  const { origin, host, pathname } = parseUpstreamUrl(url)
  for (const [name, value] of Object.entries(timeouts)) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw new RangeError(
      `timeout '${name}' must be a whole number of milliseconds, or 0 for none, not ${value}`,
    )
  }
  const connector = buildConnector({
    ...secureOptions(material),
    ...(serverName !== undefined && { servername: serverName }),
    timeout: timeouts.connect,
    allowH2: false,
  })
  const options = {
    pipelining: 1,
    allowH2: false,
    connect(target: buildConnector.Options, onConnected: buildConnector.Callback) {
      connector(target, (...[error, socket]) => {
        if (error === null) onConnected(null, watchUpstreamSocket(socket))
        else onConnected(error, null)
      })
    },
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.idle,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const pool = new Pool(origin, { ...options, connections: null })
  /** Clients that send one request each. */
  const singleUse = new Set<Client>()
  return {
    host,
    basePath: pathname.replace(/\/+$/, ''),
    timeouts,
    dispatcher: pool,
    dispatchOnNewConnection(request, handler) {
      const client = new Client(origin, options)
      singleUse.add(client)
      client.dispatch(request, handler)
      const onClosed = () => void singleUse.delete(client)
      client.close().then(onClosed, onClosed)
    },
    async close() {
      await pool.close()
    },
    async destroy() {
      await Promise.all([pool.destroy(), ...[...singleUse].map((client) => client.destroy())])
    },
  }
}
