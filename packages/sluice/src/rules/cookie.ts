import { MalformedRequestError } from './request-error.js'

/**
 * Returns the value of a cookie in canonical form; undefined if it is missing or empty.
 *
 * Servers read cookies differently, so a client could count as another session than the one that
 * the handler sees. Two rules prevent this:
 *
 * - Spellings that some server reads as one value have one canonical form. Quotes and the escapes
 *   in them are resolved as in Python, and percent-encoded characters as in PHP and Express.
 * - A cookie that was sent twice with different values is an error: Go, PHP and Express use the
 *   first value, and Django and Starlette the last.
 *
 * Takes linear time in the length of the header.
 *
 * @param header the Cookie header; several lines of HTTP/2 are joined with `;`
 * @param name case-sensitive
 * @throws MalformedRequestError if the cookie was sent with different values
 */
export function cookieValue(header: string, name: string): string | undefined {
  let value: string | undefined
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals === -1 || percentDecoded(pair.slice(0, equals).trim()) !== name) continue
    const found = canonicalValue(pair.slice(equals + 1).trim())
    if (value !== undefined && value !== found)
      throw new MalformedRequestError(`the cookie '${name}' was sent with different values`)
    value = found
  }
  return value === '' ? undefined : value
}

function canonicalValue(sent: string): string {
  const isQuoted = sent.length >= 2 && sent.startsWith('"') && sent.endsWith('"')
  return percentDecoded(isQuoted ? unescaped(sent.slice(1, -1)) : sent)
}

/** Resolves `\ooo`, a character by its octal code, and `\x`, the character itself. */
function unescaped(quoted: string): string {
  return quoted.replace(/\\(?:([0-3][0-7]{2})|(.))/gs, (_, octal: string | undefined, character: string) =>
    octal === undefined ? character : String.fromCharCode(Number.parseInt(octal, 8)),
  )
}

/** Resolves each `%` with two hexadecimal digits; leaves any other `%` as it is. */
function percentDecoded(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}
