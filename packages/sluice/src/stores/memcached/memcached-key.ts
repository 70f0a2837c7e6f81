import { createHash } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../../option-error.js'

/** Longest key that Memcached takes, in bytes. */
const MAX_KEY_LENGTH = 250

const MAX_PREFIX_LENGTH = 100

/** What is not kept as it is but can be written as `%20`: control characters, the space, and the sign itself. */
const ESCAPED = /[^!-$&-~\u0080-\uffff]/g

const ALL_PRINTABLE = /^[!-~]*$/

/**
 * Memcached's key for a key of a scope: the prefix, the scope with its length, the key. No two are the same, whatever
 * they contain. Control characters and spaces are written in percent-encoding; a digest stands for what is too long or
 * not ASCII. The UTF-16 units are hashed and not their UTF-8, in which all lone surrogates are the same.
 */
export function storeKey(prefix: string, scope: string, key: string): string {
  const joined = `${scope.length}:${scope}:${key}`
  if (joined.length <= MAX_KEY_LENGTH) {
    const written = prefix + joined.replace(ESCAPED, percentEncoded)
    if (written.length <= MAX_KEY_LENGTH && ALL_PRINTABLE.test(written)) return written
  }
  return `${prefix}#${createHash('sha256').update(joined, 'utf16le').digest('base64url')}`
}

/** @throws TypeError, RangeError for a prefix that Memcached's keys cannot begin with. */
export function checkPrefix(prefix: string): string {
  if (typeof prefix !== 'string')
    throw new OptionTypeError(['prefix'], `'prefix' is a string, not ${String(prefix)}`)
  if (prefix.length > MAX_PREFIX_LENGTH || !ALL_PRINTABLE.test(prefix))
    throw new OptionRangeError(
      ['prefix'],
      `'prefix' is printable ASCII without spaces, at most ${MAX_PREFIX_LENGTH} characters`,
    )
  return prefix
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
