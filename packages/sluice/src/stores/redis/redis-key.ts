import { createHash } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../../option-error.js'

/**
 * Maximum total length of scope and key, in UTF-16 code units. A longer pair is replaced by a
 * digest.
 */
const MAX_LENGTH = 200

const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Returns the Redis key for a key in a scope: the prefix, the length of the scope, the scope, and
 * the key. Different pairs of scope and key have different Redis keys. A pair that is too long or
 * not well-formed Unicode is replaced by a digest.
 *
 * Opening braces are encoded as `%7B`, because a cluster would derive the slot from the part in
 * braces. Braces in the prefix are not encoded: `{sluice}:` puts all keys in one slot.
 */
export function storeKey(prefix: string, scope: string, key: string): string {
  const joined = `${scope.length}:${scope}:${key}`
  if (joined.length > MAX_LENGTH || LONE_SURROGATE.test(joined))
    return `${prefix}#${createHash('sha256').update(joined, 'utf16le').digest('base64url')}`
  return prefix + joined.replace(/[%{]/g, (char) => (char === '%' ? '%25' : '%7B'))
}

/** Returns a version of `storeKey` for one scope, which is six times as fast for ASCII keys. */
export function storeKeysOf(prefix: string, scope: string): (key: string) => string {
  const head = `${scope.length}:${scope}:`
  if (!isPlain(head)) return (key) => storeKey(prefix, scope, key)
  const start = prefix + head
  const maxKeyLength = MAX_LENGTH - head.length
  return (key) => (key.length <= maxKeyLength && isPlain(key) ? start + key : storeKey(prefix, scope, key))
}

/** The last plain string, cached because the rules of a request usually share a key. */
let lastPlain = ''

/** Reports whether a string contains only ASCII characters that need no encoding. */
function isPlain(string: string): boolean {
  if (string === lastPlain) return true
  for (let index = 0; index < string.length; index++) {
    const code = string.charCodeAt(index)
    if (code > 0x7e || code === 0x25 || code === 0x7b) return false
  }
  lastPlain = string
  return true
}

/**
 * @throws TypeError, RangeError for a prefix that is too long or has an unmatched opening brace.
 */
export function checkPrefix(prefix: string): string {
  if (typeof prefix !== 'string')
    throw new OptionTypeError(['prefix'], `'prefix' must be a string, not ${String(prefix)}`)
  if (prefix.length > MAX_LENGTH || LONE_SURROGATE.test(prefix))
    throw new OptionRangeError(
      ['prefix'],
      `'prefix' must be well-formed Unicode of at most ${MAX_LENGTH} characters`,
    )
  const open = prefix.indexOf('{')
  if (open >= 0 && prefix.indexOf('}', open) <= open + 1)
    throw new OptionRangeError(
      ['prefix'],
      `a '{' in 'prefix' must be followed by at least one character and a '}', as in '{sluice}:'`,
    )
  return prefix
}
