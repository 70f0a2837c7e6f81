import { createHash } from 'node:crypto'

/**
 * Keys as the stores see them: bounded, unambiguous, and without secrets.
 *
 * Four forms, told apart by their first character, so that no two different keys meet: a key as it is; the
 * parts of a combined key, each with its length; a digest, for what is secret or long; and the digest of an address
 * that stands in for a secret.
 */

const DIGEST = '\u0001'
const COMBINED = '\u0002'
const ADDRESS_DIGEST = '\u0003'

/** Longest key that is kept as it is, in UTF-16 units. */
const MAX_PLAIN_LENGTH = 128

/** The key for one text. */
export function plainKey(text: string): string {
  const first = text.charCodeAt(0)
  return text.length > MAX_PLAIN_LENGTH || (first >= 1 && first <= 3) ? secretKey(text) : text
}

/** The key for several texts in their order: ("a", "b:c") and ("a:b", "c") are two keys. */
export function combinedKey(parts: readonly string[]): string {
  const joined = COMBINED + parts.map((part) => `${part.length}:${part}`).join('')
  return joined.length > MAX_PLAIN_LENGTH ? secretKey(joined) : joined
}

/**
 * The key for a text that nobody should be able to read in a store: its SHA-256. The UTF-16 units are hashed and
 * not their UTF-8, in which all lone surrogates are the same.
 */
export function secretKey(text: string): string {
  return DIGEST + digestOf(text)
}

/**
 * The key for an address where a secret is counted for and there is none: no secret has the same, even one that is that
 * address. Addresses are few enough to try them all, so the digest keeps it from being read, not from being guessed.
 */
export function addressInPlaceOfSecret(address: string): string {
  return ADDRESS_DIGEST + digestOf(address)
}

/** Characters of a digest that are shown: enough to tell keys apart, too few to stand for the secret. */
const SHOWN = 12

/**
 * A key as people read it: its text, or the texts that it is combined of. What is secret or long shows as `#` and the
 * beginning of its digest.
 *
 * @param key as quotas and stores have it
 */
export function keyParts(key: string): readonly string[] {
  if (key.startsWith(DIGEST) || key.startsWith(ADDRESS_DIGEST)) return [`#${key.slice(1, 1 + SHOWN)}`]
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

function digestOf(text: string): string {
  return createHash('sha256').update(text, 'utf16le').digest('base64url')
}
