import { createHash } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../../option-error.js'

/** Maximum length of a Memcached key, in bytes. */
const MAX_KEY_LENGTH = 250

const MAX_PREFIX_LENGTH = 100

/** Characters that are percent-encoded: control characters, the space and `%`. */
const ESCAPED = /[^!-$&-~\u0080-\uffff]/g

const ALL_PRINTABLE = /^[!-~]*$/

/**
 * Returns the Memcached key for a key in a scope: the prefix, the length of the scope, the scope,
 * and the key. Different pairs of scope and key have different Memcached keys. Control characters
 * and spaces are percent-encoded; a pair that is too long or not ASCII is replaced by a digest. The
 * digest covers UTF-16 code units, because UTF-8 encodes all lone surrogates identically.
 */
export function storeKey(prefix: string, scope: string, key: string): string {
  const joined = `${scope.length}:${scope}:${key}`
  if (joined.length <= MAX_KEY_LENGTH) {
    const encoded = prefix + joined.replace(ESCAPED, percentEncoded)
    if (encoded.length <= MAX_KEY_LENGTH && ALL_PRINTABLE.test(encoded)) return encoded
  }
  return `${prefix}#${createHash('sha256').update(joined, 'utf16le').digest('base64url')}`
}

/**
 * Validates the prefix of the keys.
 *
 * @throws TypeError, RangeError for a prefix that is not valid in a Memcached key.
 */
export function checkPrefix(prefix: string): string {
  if (typeof prefix !== 'string')
    throw new OptionTypeError(['prefix'], `'prefix' must be a string, not ${String(prefix)}`)
  if (prefix.length > MAX_PREFIX_LENGTH || !ALL_PRINTABLE.test(prefix))
    throw new OptionRangeError(
      ['prefix'],
      `'prefix' must be at most ${MAX_PREFIX_LENGTH} printable ASCII characters without spaces`,
    )
  return prefix
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
