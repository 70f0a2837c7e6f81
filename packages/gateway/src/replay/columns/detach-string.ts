/** V8 copies shorter substrings anyway. */
const MIN_SLICE = 13

/**
 * Copies the characters of a string that is to be kept. In V8 a substring keeps its parent alive,
 * here a whole chunk of the trace.
 */
export function detachString(text: string): string {
  if (text.length < MIN_SLICE) return text
  const narrow = Buffer.from(text, 'latin1').toString('latin1')
  return narrow === text ? narrow : Buffer.from(text, 'utf16le').toString('utf16le')
}
