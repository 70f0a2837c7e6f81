/** V8 copies shorter substrings anyway. */
const MIN_SLICE = 13

/**
 * Copies a string that outlives the string it was sliced from. In V8 a substring keeps its parent
 * alive, here a whole chunk of the trace.
 */
export function detachString(text: string): string {
  if (text.length < MIN_SLICE) return text
  const latin1 = Buffer.from(text, 'latin1').toString('latin1')
  return latin1 === text ? latin1 : Buffer.from(text, 'utf16le').toString('utf16le')
}
