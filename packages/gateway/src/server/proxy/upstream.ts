import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { parseUpstreamUrl } from '../../policy/config/upstream-url.js'
import { watchUpstreamSocket } from './upstream-socket.js'

/** How long to wait, in milliseconds; 0 waits without end. Timers above a second are right to about a second. */
export interface UpstreamTimeouts {
  /** For the connection, TLS included. */
  readonly connect: number
  /** For the head of the answer, once the request is sent. */
  readonly headers: number
  /** For the next bytes of an answer; also for a client to take what has been read for it. */
  readonly idle: number
}

/** A server that requests are forwarded to. */
export interface Upstream {
  /** What goes upstream as Host, such as `127.0.0.1:9000`. */
  readonly host: string
  /** What every path is prefixed with: `''`, or a path without a slash at its end. */
  readonly basePath: string
  readonly timeouts: UpstreamTimeouts
  readonly dispatcher: Dispatcher
  /** Sends one request on a new connection, which is closed after its answer. */
  dispatchAnew(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void
  /** Takes no more requests, waits for those that run, then closes the connections. */
  close(): Promise<void>
  /** Closes the connections now; what runs is cut. */
  destroy(): Promise<void>
}

/** Shorter than the 5 s after which uvicorn and Node close an idle connection, so that no request meets that close. */
const KEEP_ALIVE_MS = 4000

/**
 * Makes the connections to one upstream.
 *
 * There are as many connections as requests in flight: a bound here would make requests wait unseen behind
 * streams that last for minutes. How many may run is for the limits to say.
 *
 * @param url http or https; its path prefixes every path
 * @throws RangeError or TypeError that says what would be right.
 */
export function createUpstream(url: string, timeouts: UpstreamTimeouts): Upstream {
  const { origin, host, pathname } = parseUpstreamUrl(url)
  for (const [name, value] of Object.entries(timeouts)) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw new RangeError(`timeout ${name} must be a whole number of milliseconds, 0 for none; it is ${value}`)
  }
  const connector = buildConnector({ timeout: timeouts.connect, allowH2: false })
  const settings = {
    pipelining: 1,
    allowH2: false,
    connect(options: buildConnector.Options, connected: buildConnector.Callback) {
      connector(options, (...[error, socket]) => {
        if (error === null) connected(null, watchUpstreamSocket(socket))
        else connected(error, null)
      })
    },
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.idle,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const pool = new Pool(origin, { ...settings, connections: null })
  /** Clients of one request each. */
  const single = new Set<Client>()
  return {
    host,
    basePath: pathname.replace(/\/+$/, ''),
    timeouts,
    dispatcher: pool,
    dispatchAnew(options, handler) {
      const client = new Client(origin, settings)
      single.add(client)
      client.dispatch(options, handler)
      const forget = () => void single.delete(client)
      client.close().then(forget, forget)
    },
    async close() {
      await pool.close()
    },
    async destroy() {
      await Promise.all([pool.destroy(), ...[...single].map((client) => client.destroy())])
    },
  }
}
