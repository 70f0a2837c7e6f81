import { createHash } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../../option-error.js'

/** Longest scope and key that are kept as they are, in UTF-16 units together. */
const MAX_LENGTH = 200

const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * The server's key for a key of a scope: the prefix, the scope with its length, the key. No two are the same, whatever
 * they contain. A digest stands for what is long or no text that UTF-8 can hold.
 *
 * Braces are written `%7B`, since what stands between them would decide in which slot of a cluster a key lies. Those of
 * the prefix are the user's: `{sluice}:` keeps all keys in one slot.
 */
export function storeKey(prefix: string, scope: string, key: string): string {
  const joined = `${scope.length}:${scope}:${key}`
  if (joined.length > MAX_LENGTH || LONE_SURROGATE.test(joined))
    return `${prefix}#${createHash('sha256').update(joined, 'utf16le').digest('base64url')}`
  return prefix + joined.replace(/[%{]/g, (char) => (char === '%' ? '%25' : '%7B'))
}

/** `storeKey` for many keys of one scope: of what is plain no more is looked at than the key, in a sixth of the time. */
export function storeKeysOf(prefix: string, scope: string): (key: string) => string {
  const head = `${scope.length}:${scope}:`
  if (!isPlain(head)) return (key) => storeKey(prefix, scope, key)
  const start = prefix + head
  const longest = MAX_LENGTH - head.length
  return (key) => (key.length <= longest && isPlain(key) ? start + key : storeKey(prefix, scope, key))
}

/** The last text that was plain: a request asks for one key in one scope after the other. */
let plain = ''

/** Whether it is ASCII without what is written another way. */
function isPlain(text: string): boolean {
  if (text === plain) return true
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7e || code === 0x25 || code === 0x7b) return false
  }
  plain = text
  return true
}

/** @throws TypeError, RangeError for a prefix whose braces would join with those of a key. */
export function checkPrefix(prefix: string): string {
  if (typeof prefix !== 'string')
    throw new OptionTypeError(['prefix'], `'prefix' is a string, not ${String(prefix)}`)
  if (prefix.length > MAX_LENGTH || LONE_SURROGATE.test(prefix))
    throw new OptionRangeError(['prefix'], `'prefix' is well-formed text of at most ${MAX_LENGTH} characters`)
  const open = prefix.indexOf('{')
  if (open >= 0 && prefix.indexOf('}', open) <= open + 1)
    throw new OptionRangeError(
      ['prefix'],
      `a '{' in the prefix needs a '}' and text between them, as in '{sluice}:'`,
    )
  return prefix
}
