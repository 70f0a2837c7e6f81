import type { Client } from 'sluice'
import type { ForwardedIdentity } from '../../policy/config/config.js'

/** The headers that tell the upstream who the client is. None for an anonymous request; no tier where it has none. */
export function identityHeaders(
  client: Client | undefined,
  { client: clientHeader, tier: tierHeader }: ForwardedIdentity,
): (readonly [name: string, value: string])[] {
  if (client === undefined) return []
  const headers: (readonly [string, string])[] = []
  if (clientHeader !== undefined) headers.push([clientHeader, encoded(client.id)])
  if (tierHeader !== undefined && client.tier !== undefined) headers.push([tierHeader, encoded(client.tier)])
  return headers
}

/**
 * A name as a header value: as it is where it has only visible ASCII and single words in it, and percent-encoded UTF-8 for all other
 * characters and for `%`. A comma is encoded too, since it would make a list.
 */
function encoded(name: string): string {
  const bytes = Buffer.from(name, 'utf8')
  let text = ''
  for (const [index, byte] of bytes.entries()) {
    const atEdge = index === 0 || index === bytes.length - 1
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x2c
    if (plain || (byte === 0x20 && !atEdge)) text += String.fromCharCode(byte)
    else text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
