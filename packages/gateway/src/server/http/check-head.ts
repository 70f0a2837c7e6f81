import type { IncomingMessage } from 'node:http'
import { RequestError } from 'sluice'
import { isLoop } from './via.js'

/** A request whose end or whose protocol the gateway and others may read differently: its connection is closed. */
export class FramingError extends RequestError {
  override readonly name = 'FramingError'
}

/**
 * Most headers of a request. Servers behind the gateway drop those beyond a number without a word, Node those after the
 * first 1,000: there must be room for the headers that the gateway writes, such as the client's address.
 */
const MAX_HEADERS = 900

/** A host with an optional port. Whatever else is there, servers read in different ways. */
const HOST = /^[\w.~!$&'()*+;=:%[\]-]*$/

/**
 * Refuses what the parser lets through although the gateway cannot pass it on as it was meant.
 *
 * @param gatewayName what this gateway calls itself in `Via`
 * @throws RequestError with the status of the answer.
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
        if (name.toLowerCase() === 'upgrade') protocols = joined(protocols, rawHeaders[index + 1])
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') codings = joined(codings, rawHeaders[index + 1])
    }
  }
  if (hosts > 1) throw new FramingError('the request has more than one Host header; send one')
  if (codings !== undefined) checkCodings(codings, request.httpVersion)
  if (protocols !== undefined) checkUpgrade(protocols, request.httpVersion)
  if (hasVia && isLoop(rawHeaders, gatewayName))
    throw new RequestError(
      'the request came back to a gateway that had forwarded it; the upstream of a gateway must not lead to itself',
      508,
    )
}

/** @throws FramingError */
function checkHost(host: string): void {
  if (!HOST.test(host))
    throw new FramingError('the Host header must be one host name or address, with a port where it needs one')
}

function joined(before: string | undefined, value = ''): string {
  return before === undefined ? value : `${before},${value}`
}

/** RFC 9112 section 6.1: `chunked` is the only coding that is understood, and frames the body. */
function checkCodings(codings: string, httpVersion: string): void {
  if (httpVersion === '1.0')
    throw new FramingError('HTTP/1.0 has no Transfer-Encoding; send Content-Length, or speak HTTP/1.1')
  const names = list(codings)
  if (names.length === 1 && names[0] === 'chunked') return
  if (names.at(-1) !== 'chunked' || names.indexOf('chunked') !== names.length - 1)
    throw new FramingError("the last coding of Transfer-Encoding must be 'chunked', which is used once")
  throw new FramingError(
    "only the transfer coding 'chunked' is supported; a compressed body is announced by Content-Encoding",
    501,
  )
}

/**
 * Answers a client that wants another protocol, where it cannot go on without. Clients that offer HTTP/2 (`h2c`) or TLS go
 * on with HTTP/1.1 when the offer is ignored, as RFC 9110 section 7.8 has it; HTTP/1.0 knows no upgrade.
 */
function checkUpgrade(protocols: string, httpVersion: string): void {
  if (httpVersion === '1.0') return
  const wanted = list(protocols).filter((protocol) => !/^(?:h2c?|http|tls)(?:\/|$)/.test(protocol))
  if (wanted.length === 0) return
  const named = wanted.map((protocol) => protocol.slice(0, 40)).slice(0, 3)
  throw new FramingError(
    `this gateway cannot change the protocol of a connection to ${named.join(', ')}; it speaks HTTP/1.1`,
    501,
  )
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((element) => element.trim().toLowerCase())
    .filter((element) => element !== '')
}
