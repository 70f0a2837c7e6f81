import { errors } from 'undici'

/** What went wrong before an upstream answered, in words for the client's problem document. */
export interface UpstreamFailure {
  /** 504 where the upstream took too long, else 502. */
  readonly status: 502 | 504
  readonly detail: string
  /** The cause for logs and metrics, such as `ECONNREFUSED`. */
  readonly code: string
}

const TOO_LATE: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'The upstream did not accept a connection in time.'],
  ['ETIMEDOUT', 'The upstream did not accept a connection in time.'],
  ['UND_ERR_HEADERS_TIMEOUT', 'The upstream did not answer in time.'],
  ['UND_ERR_BODY_TIMEOUT', 'The upstream did not answer in time.'],
])

const BROKEN: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'The upstream refused the connection.'],
  ['ENOTFOUND', 'The name of the upstream has no address.'],
  ['EAI_AGAIN', 'The name of the upstream could not be looked up.'],
  ['EHOSTUNREACH', 'The upstream cannot be reached.'],
  ['ENETUNREACH', 'The upstream cannot be reached.'],
  ['ECONNRESET', 'The upstream closed the connection before it answered.'],
  ['EPIPE', 'The upstream closed the connection before it answered.'],
  ['UND_ERR_SOCKET', 'The upstream closed the connection before it answered.'],
  ['UND_ERR_HEADERS_OVERFLOW', "The headers of the upstream's answer are too large."],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', "The upstream's answer is not valid HTTP."],
  ['ERR_INVALID_CHAR', "The upstream's answer is not valid HTTP."],
  ['ERR_HTTP_INVALID_STATUS_CODE', "The upstream's answer is not valid HTTP."],
  ['UND_ERR_DESTROYED', 'The gateway is closing its connections to the upstream.'],
  ['UND_ERR_CLOSED', 'The gateway is closing its connections to the upstream.'],
])

/** Puts into words why no answer came. Names no address: where the upstream is, is not the client's business. */
export function describeFailure(error: unknown): UpstreamFailure {
  const code = codeOf(error)
  const late = TOO_LATE.get(code)
  if (late !== undefined) return { status: 504, detail: late, code }
  return { status: 502, detail: BROKEN.get(code) ?? byFamily(code), code }
}

/** Whether the upstream closed the connection. */
export function isConnectionLoss(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error))
}

function byFamily(code: string): string {
  // The parser's codes, then those of TLS, of which OpenSSL has dozens.
  if (code.startsWith('HPE_')) return "The upstream's answer is not valid HTTP."
  if (/CERT|TLS|SSL|SIGNATURE|ISSUER/.test(code)) return 'No secure connection to the upstream could be made.'
  return 'The request to the upstream failed.'
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code === 'string') return code
  // The parser says what it met in words alone.
  return error instanceof errors.HTTPParserError ? 'HPE_INVALID' : 'UNKNOWN'
}
