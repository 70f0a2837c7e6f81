import type { Dispatcher } from 'undici'

/** The headers of an answer as text, a character a byte: name, value, name, value. */
export function headerStrings(rawHeaders: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(rawHeaders)) return []
  return rawHeaders.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
}
