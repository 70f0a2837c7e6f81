import { createHash } from 'node:crypto'

/**
 * Keys in the stores are bounded, unambiguous and free of secrets. The first character
 * distinguishes four forms: a plain key; the parts of a combined key, each with its length; the
 * digest of a secret or long key; and the digest of an address that replaces a missing secret.
 */

const DIGEST = '\u0001'
const COMBINED = '\u0002'
const ADDRESS_DIGEST = '\u0003'

/** Maximum length of a key that is stored as is, in UTF-16 code units. */
const MAX_PLAIN_LENGTH = 128

/** Returns the key for a string. */
export function plainKey(value: string): string {
  const first = value.charCodeAt(0)
  return value.length > MAX_PLAIN_LENGTH || (first >= 1 && first <= 3) ? secretKey(value) : value
}

/** Returns the key for several strings in order: ("a", "b:c") and ("a:b", "c") are two keys. */
export function combinedKey(parts: readonly string[]): string {
  const joined = COMBINED + parts.map((part) => `${part.length}:${part}`).join('')
  return joined.length > MAX_PLAIN_LENGTH ? secretKey(joined) : joined
}

/**
 * Returns the key for a secret string: its SHA-256. It hashes UTF-16 code units, because UTF-8 maps
 * all lone surrogates to the same bytes.
 */
export function secretKey(value: string): string {
  return DIGEST + digestOf(value)
}

/**
 * Returns the key for an address that replaces a missing secret. No secret has this key, even if it
 * equals the address. The digest hides the address from casual readers of the store, but not from a
 * brute-force search: there are few enough addresses to try them all.
 */
export function addressForSecret(address: string): string {
  return ADDRESS_DIGEST + digestOf(address)
}

/**
 * Number of digest characters to show: enough to distinguish keys, too few to stand in for the
 * secret.
 */
const SHOWN_DIGEST_LENGTH = 12

/**
 * Returns a key in readable form: its string, or the strings it combines. Secret and long keys
 * appear as `#` and the beginning of their digest.
 *
 * @param key a key from a quota or a store
 */
export function keyParts(key: string): readonly string[] {
  if (key.startsWith(DIGEST) || key.startsWith(ADDRESS_DIGEST))
    return [`#${key.slice(1, 1 + SHOWN_DIGEST_LENGTH)}`]
  if (!key.startsWith(COMBINED)) return [key]
  const parts: string[] = []
  for (let at = 1; at < key.length; ) {
    const start = key.indexOf(':', at) + 1
    const end = start + Number(key.slice(at, start - 1))
    parts.push(...keyParts(key.slice(start, end)))
    at = end
  }
  return parts
}

function digestOf(value: string): string {
  return createHash('sha256').update(value, 'utf16le').digest('base64url')
}
