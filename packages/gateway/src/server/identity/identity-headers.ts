import type { Client } from 'sluice'
import type { ForwardedIdentity } from '../../policy/config/config.js'

/** Builds the headers that identify the client to the upstream. An anonymous request has none. */
export function identityHeaders(
  client: Client | undefined,
  { client: clientHeader, tier: tierHeader }: ForwardedIdentity,
): (readonly [name: string, value: string])[] {
  if (client === undefined) return []
  const headers: (readonly [string, string])[] = []
  if (clientHeader !== undefined) headers.push([clientHeader, encode(client.id)])
  if (tierHeader !== undefined && client.tier !== undefined) headers.push([tierHeader, encode(client.tier)])
  return headers
}

/**
 * Encodes a name as a header value. Visible ASCII and inner spaces are kept. Other characters are
 * percent-encoded as UTF-8, and so are `%` and the comma, which would separate list elements.
 */
function encode(name: string): string {
  const bytes = Buffer.from(name, 'utf8')
  let value = ''
  for (const [index, byte] of bytes.entries()) {
    const isAtEdge = index === 0 || index === bytes.length - 1
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x2c
    if (isPlain || (byte === 0x20 && !isAtEdge)) value += String.fromCharCode(byte)
    else value += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return value
}
