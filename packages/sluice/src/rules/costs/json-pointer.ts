/** Finds a value in parsed JSON; undefined where there is none. */
export type JsonPointer = (document: unknown) => unknown

/**
 * Compiles a JSON pointer (RFC 6901): `/inputs/0/shape`, where `~1` stands for `/` and `~0` for `~`; the empty text is the whole
 * document. Only what the document itself has is found, never what objects inherit.
 *
 * @throws TypeError, SyntaxError for what is no pointer.
 */
export function jsonPointer(pointer: string): JsonPointer {
  if (typeof pointer !== 'string') throw new TypeError(`a JSON pointer is a text, not ${String(pointer)}`)
  if (pointer === '') return (document) => document
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer))
    throw new SyntaxError(
      `a JSON pointer is written as '/data/0' with ~1 for / and ~0 for ~, not '${pointer}'`,
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
