import { createHash } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../../option-error.js'
import { slotOf } from './slot.js'

/** Version of the spelling of keys. A process never reads keys of another version. */
const VERSION = 'v2'

/** Maximum length of a scope or key, in UTF-16 code units. A longer one is replaced by a digest. */
const MAX_LENGTH = 128

const MAX_PREFIX_LENGTH = 200

const LONE_SURROGATE = /\p{Surrogate}/u

/** Invisible characters and those with a meaning in a Redis key. */
const ESCAPED = /[%#+|{}\p{C}\p{Z}]/gu

/**
 * Returns the Redis key for a key in a scope: `sluice:v2:{KEY}:SCOPE`. Different pairs of scope and
 * key have different Redis keys.
 *
 * A cluster derives the slot from the part in braces, so the rules that count by the same key share
 * a slot. So do all rules with `by: 'everyone'`, whose key is `everyone`. For an empty key, the
 * whole name determines the slot. A `prefix` that contains braces takes precedence: `{sluice}:`
 * puts all keys in one slot.
 *
 * Redis keys contain no spaces and only printable characters: a line feed becomes `|`, a space `+`,
 * and other special characters are percent-encoded. A scope or key that is too long or not
 * well-formed Unicode is replaced by `#` and a digest.
 */
export function storeKey(prefix: string, scope: string, key: string): string {
  return storeKeysOf(prefix, scope)(key)
}

/** Returns a function that returns the Redis keys of one scope. */
export function storeKeysOf(prefix: string, scope: string): (key: string) => string {
  const head = `${prefix}${VERSION}:{`
  const tail = `}:${encode(scope)}`
  return (key) => head + encode(key) + tail
}

/**
 * Returns a function that returns the Redis keys of a scope of penalties. They are in the slot of the
 * key that is penalized. So the penalty of an empty key, whose slot depends on the scope of its rule,
 * has a tag with this slot.
 */
export function penaltyKeysOf(prefix: string, scope: string, slot: number): (key: string) => string {
  const keysOf = storeKeysOf(prefix, scope)
  return (key) => (key === '' ? `${prefix}${VERSION}:{${tagIn(slot)}}:${encode(scope)}` : keysOf(key))
}

const tags = new Map<number, string>()

/** Returns a tag in a slot of a cluster. No key has this tag, because a `#` in a key is encoded. */
function tagIn(slot: number): string {
  let tag = tags.get(slot)
  for (let number = 0; tag === undefined; number++) if (slotOf(`#${number}`) === slot) tag = `#${number}`
  tags.set(slot, tag)
  return tag
}

/** The last plain string, cached because the rules of a request usually share a key. */
let lastPlain = ''

function encode(part: string): string {
  if (part === lastPlain || isPlain(part)) {
    lastPlain = part
    return part
  }
  // UTF-8 encodes all lone surrogates identically.
  if (part.length > MAX_LENGTH || LONE_SURROGATE.test(part))
    return `#${createHash('sha256').update(part, 'utf16le').digest('base64url')}`
  return part.replace(ESCAPED, (char) => {
    if (char === '\n') return '|'
    return char === ' ' ? '+' : percentEncode(char)
  })
}

/** Reports whether a string is short and contains only ASCII characters that need no encoding. */
function isPlain(string: string): boolean {
  if (string.length > MAX_LENGTH) return false
  for (let index = 0; index < string.length; index++) {
    const code = string.charCodeAt(index)
    if (code < 0x21 || code > 0x7a || code === 0x25 || code === 0x23 || code === 0x2b) return false
  }
  return true
}

function percentEncode(char: string): string {
  return Buffer.from(char).reduce(
    (encoded, byte) => `${encoded}%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    '',
  )
}

/**
 * Validates the prefix of the keys.
 *
 * @throws TypeError, RangeError for a prefix that is too long or has an unmatched opening brace.
 */
export function checkPrefix(prefix: string): string {
  if (typeof prefix !== 'string')
    throw new OptionTypeError(['prefix'], `'prefix' must be a string, not ${String(prefix)}`)
  if (prefix.length > MAX_PREFIX_LENGTH || LONE_SURROGATE.test(prefix))
    throw new OptionRangeError(
      ['prefix'],
      `'prefix' must be well-formed Unicode of at most ${MAX_PREFIX_LENGTH} characters`,
    )
  const open = prefix.indexOf('{')
  if (open >= 0 && prefix.indexOf('}', open) <= open + 1)
    throw new OptionRangeError(
      ['prefix'],
      `a '{' in 'prefix' must be followed by at least one character and a '}', as in '{sluice}:'`,
    )
  return prefix
}
