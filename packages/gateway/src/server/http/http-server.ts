import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { secureOptions, type TlsMaterial } from './tls-files.js'

/** Timeout of a TLS handshake, in milliseconds. The connection counts like any other meanwhile. */
const HANDSHAKE_TIMEOUT_MS = 10_000

/** An HTTP server that may serve HTTPS. */
export interface HttpServer<Request extends typeof IncomingMessage = typeof IncomingMessage> {
  /**
   * For HTTPS, `connection` reports connections without TLS, before their handshake, and
   * `secureConnection` those on which requests arrive.
   */
  readonly server: Server<Request>
  /** The event for a connection on which requests arrive. */
  readonly connectionEvent: 'connection' | 'secureConnection'
  /** Sets the certificate for new connections. Does nothing for an HTTP server. */
  setTls(material: TlsMaterial): void
}

/**
 * Creates an HTTP server, or an HTTPS server if `tls` is defined. With `tls.ca`, a client must
 * present a certificate that one of these authorities signed.
 */
export function createHttpServer<Request extends typeof IncomingMessage>(
  options: ServerOptions<Request>,
  tls: TlsMaterial | undefined,
): HttpServer<Request> {
  if (tls === undefined) return { server: createServer(options), connectionEvent: 'connection', setTls() {} }
  const server: TlsServer = createTlsServer({
    ...options,
    ...secureOptions(tls),
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // As HTTP servers have by default.
    allowHalfOpen: true,
  } as object)
  let current = tls
  return {
    // Has all methods and events of an HTTP server.
    server: server as unknown as Server<Request>,
    connectionEvent: 'secureConnection',
    setTls(material) {
      if (material === current) return
      server.setSecureContext(secureOptions(material))
      current = material
    },
  }
}
