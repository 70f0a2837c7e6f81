import { errors } from 'undici'

/** A failure before the upstream responded, described for the client's problem document. */
export interface UpstreamFailure {
  /** 504 if the upstream timed out, otherwise 502. */
  readonly status: 502 | 504
  readonly detail: string
  /** The cause for logs and metrics, such as `ECONNREFUSED`. */
  readonly code: string
}

const TIMEOUTS: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'The upstream did not accept a connection in time.'],
  ['ETIMEDOUT', 'The upstream did not accept a connection in time.'],
  ['UND_ERR_HEADERS_TIMEOUT', 'The upstream did not respond in time.'],
  ['UND_ERR_BODY_TIMEOUT', 'The upstream did not respond in time.'],
])

const FAILURES: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'The upstream refused the connection.'],
  ['ENOTFOUND', 'The host name of the upstream has no address.'],
  ['EAI_AGAIN', 'The host name of the upstream could not be resolved.'],
  ['EHOSTUNREACH', 'The upstream cannot be reached.'],
  ['ENETUNREACH', 'The upstream cannot be reached.'],
  ['ECONNRESET', 'The upstream closed the connection before it responded.'],
  ['EPIPE', 'The upstream closed the connection before it responded.'],
  ['UND_ERR_SOCKET', 'The upstream closed the connection before it responded.'],
  ['UND_ERR_HEADERS_OVERFLOW', "The headers of the upstream's response are too large."],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', "The upstream's response is not valid HTTP."],
  ['ERR_INVALID_CHAR', "The upstream's response is not valid HTTP."],
  ['ERR_HTTP_INVALID_STATUS_CODE', "The upstream's response is not valid HTTP."],
  ['UNEXPECTED_RESPONSE', "The upstream's response is not a list of models."],
  ['UND_ERR_DESTROYED', 'The gateway is closing its connections to the upstream.'],
  ['UND_ERR_CLOSED', 'The gateway is closing its connections to the upstream.'],
])

/**
 * Describes why no response arrived. The description never reveals the upstream's address to
 * clients.
 */
export function describeFailure(error: unknown): UpstreamFailure {
  const code = codeOf(error)
  const timeout = TIMEOUTS.get(code)
  if (timeout !== undefined) return { status: 504, detail: timeout, code }
  return { status: 502, detail: FAILURES.get(code) ?? detailByPrefix(code), code }
}

/** Reports whether the upstream closed the connection. */
export function isConnectionLoss(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error))
}

function detailByPrefix(code: string): string {
  // Codes of the HTTP parser, then of TLS, for which OpenSSL has dozens.
  if (code.startsWith('HPE_')) return "The upstream's response is not valid HTTP."
  if (/CERT|TLS|SSL|SIGNATURE|ISSUER/.test(code))
    return 'A secure connection to the upstream could not be established.'
  return 'The request to the upstream failed.'
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code === 'string') return code
  // The HTTP parser reports a message without a code.
  return error instanceof errors.HTTPParserError ? 'HPE_INVALID' : 'UNKNOWN'
}
