/** Shorter pieces of a text are copied by V8 in any case. */
const SHORTEST_SLICE = 13

/**
 * The same text with characters of its own, for whoever keeps it: V8 lets a text that was cut out of another refer to that one, here to all
 * that was read with it.
 */
export function detachString(text: string): string {
  if (text.length < SHORTEST_SLICE) return text
  const narrow = Buffer.from(text, 'latin1').toString('latin1')
  return narrow === text ? narrow : Buffer.from(text, 'utf16le').toString('utf16le')
}
