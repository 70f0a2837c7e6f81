/** Returns a value of a parsed JSON document; undefined if there is none. */
export type JsonPointer = (document: unknown) => unknown

/**
 * Compiles a JSON pointer (RFC 6901) such as `/inputs/0/shape`. `~1` encodes `/` and `~0` encodes
 * `~`. The empty string is the whole document. Inherited properties are never found.
 *
 * @throws TypeError, SyntaxError for an invalid pointer.
 */
export function jsonPointer(pointer: string): JsonPointer {
  if (typeof pointer !== 'string')
    throw new TypeError(`a JSON pointer must be a string, not ${String(pointer)}`)
  if (pointer === '') return (document) => document
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer))
    throw new SyntaxError(
      `a JSON pointer must look like '/data/0', with ~1 for / and ~0 for ~, not '${pointer}'`,
    )
  const tokens = pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  return (document) => tokens.reduce(step, document)
}

function step(value: unknown, token: string): unknown {
  if (value === null || typeof value !== 'object') return undefined
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined
  return Object.hasOwn(value, token) ? (value as Readonly<Record<string, unknown>>)[token] : undefined
}
