import type { IncomingMessage } from 'node:http'
import { RequestError } from 'sluice'
import { isLoop } from './via.js'

/** Reports a request that servers may frame or interpret differently. Its connection is closed. */
export class FramingError extends RequestError {
  override readonly name = 'FramingError'
}

/**
 * Maximum number of headers in a request. Upstream servers silently drop headers beyond a bound,
 * which is 1,000 in Node. Headers that the gateway adds, such as the client's address, must still
 * fit.
 */
const MAX_HEADERS = 900

/** A host with an optional port. Servers interpret any other character differently. */
const HOST = /^[\w.~!$&'()*+;=:%[\]-]*$/

/**
 * Refuses requests that Node's parser accepts but that cannot be forwarded unambiguously.
 *
 * @param gatewayName the gateway's own name in the `Via` header
 * @throws RequestError with the status of the response
 */
export function checkHead(request: IncomingMessage, gatewayName: string): void {
  const { rawHeaders } = request
  if (rawHeaders.length > 2 * MAX_HEADERS)
    throw new FramingError(`the request has more than ${MAX_HEADERS} headers`, 431)
  let hosts = 0
  let codings: string | undefined
  let protocols: string | undefined
  let hasVia = false
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    switch (name.length) {
      case 3:
        hasVia ||= name.toLowerCase() === 'via'
        break
      case 4:
        if (name.toLowerCase() !== 'host') break
        hosts += 1
        checkHost(rawHeaders[index + 1] as string)
        break
      case 7:
        if (name.toLowerCase() === 'upgrade') protocols = appended(protocols, rawHeaders[index + 1])
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') codings = appended(codings, rawHeaders[index + 1])
    }
  }
  if (hosts > 1) throw new FramingError('the request has more than one Host header; send one')
  if (codings !== undefined) checkCodings(codings, request.httpVersion)
  if (protocols !== undefined) checkUpgrade(protocols, request.httpVersion)
  if (hasVia && isLoop(rawHeaders, gatewayName))
    throw new RequestError(
      'the request loops: it returned to a gateway that had already forwarded it; the upstream must not point back to the gateway',
      508,
    )
}

/** @throws FramingError */
function checkHost(host: string): void {
  if (!HOST.test(host))
    throw new FramingError('the Host header must be one host name or address with an optional port')
}

function appended(before: string | undefined, value = ''): string {
  return before === undefined ? value : `${before},${value}`
}

/**
 * Checks that the body is framed by `chunked`, the only supported coding (RFC 9112 section 6.1).
 */
function checkCodings(codings: string, httpVersion: string): void {
  if (httpVersion === '1.0')
    throw new FramingError('HTTP/1.0 has no Transfer-Encoding; send Content-Length or use HTTP/1.1')
  const names = list(codings)
  if (names.length === 1 && names[0] === 'chunked') return
  if (names.at(-1) !== 'chunked' || names.indexOf('chunked') !== names.length - 1)
    throw new FramingError("Transfer-Encoding must end with 'chunked' and contain it only once")
  throw new FramingError(
    "'chunked' is the only supported transfer coding; use Content-Encoding for a compressed body",
    501,
  )
}

/**
 * Refuses an upgrade to a protocol that the client depends on. Offers of HTTP/2 (`h2c`) or TLS are
 * ignored, and those clients continue with HTTP/1.1 (RFC 9110 section 7.8). HTTP/1.0 has no
 * upgrades.
 */
function checkUpgrade(protocols: string, httpVersion: string): void {
  if (httpVersion === '1.0') return
  const required = list(protocols).filter((protocol) => !/^(?:h2c?|http|tls)(?:\/|$)/.test(protocol))
  if (required.length === 0) return
  const named = required.map((protocol) => protocol.slice(0, 40)).slice(0, 3)
  throw new FramingError(
    `this gateway supports only HTTP/1.1, and cannot upgrade a connection to ${named.join(', ')}`,
    501,
  )
}

function list(value: string): string[] {
  return value
    .split(',')
    .map((element) => element.trim().toLowerCase())
    .filter((element) => element !== '')
}
