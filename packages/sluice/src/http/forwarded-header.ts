/** One element of a `Forwarded` header (RFC 7239): what one proxy reports. */
export interface ForwardedElement {
  /** The node that the proxy received the request from, such as `192.0.2.7` or `[2001:db8::1]:80`. */
  readonly for?: string
  readonly host?: string
  readonly proto?: string
}

/**
 * Yields the elements of a `Forwarded` header from right to left, `undefined` for a malformed one.
 *
 * Each proxy appends its element at the right. Reading from there keeps the elements of proxies
 * independent of everything further left, which a client may have sent: an opened quoted string, for
 * example, cannot hide them. Empty elements are skipped (RFC 9110 section 5.6.1).
 */
export function* forwardedElements(header: string): Generator<ForwardedElement | undefined, void> {
  let end = header.length
  let isQuoted = false
  for (let at = end - 1; at >= 0; at--) {
    const character = header[at]
    if (character === '"') {
      // The quote that opens a string follows '=', so one after a backslash is inside the string.
      if (!isQuoted || header[at - 1] !== '\\') isQuoted = !isQuoted
    } else if (character === ',' && !isQuoted) {
      if (header.slice(at + 1, end).trim() !== '') yield parseElement(header.slice(at + 1, end))
      end = at
    }
  }
  if (header.slice(0, end).trim() !== '') yield isQuoted ? undefined : parseElement(header.slice(0, end))
}

/**
 * One parameter and its separator. The value is a quoted string, or a token in which colons and
 * brackets are accepted because some proxies do not quote them.
 */
const PARAMETER =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[!#$%&'*+.^_`|~0-9A-Za-z:[\]-]+))?[ \t]*(?:;|$)/y

/** Parses one element; undefined if it is malformed or repeats a parameter. */
function parseElement(text: string): ForwardedElement | undefined {
  const parameters = new Map<string, string>()
  PARAMETER.lastIndex = 0
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text)
    if (match === null) return undefined
    const [, name, value] = match
    if (name === undefined || value === undefined) continue
    if (parameters.has(name.toLowerCase())) return undefined
    parameters.set(name.toLowerCase(), unquoted(value))
  }
  return Object.fromEntries(parameters)
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
