/** Longest line, in characters; what is longer is cut, and so is no line that can be read. */
export const MAX_LINE = 2 ** 20

/**
 * Takes text apart into lines, as it comes: those of each piece together. The last line needs no newline. A byte order
 * mark and carriage returns are dropped. What is kept is no more than a line.
 */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  /** Whether the rest of a line that is too long is passed over. */
  let skipping = false
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (skipping && lines.length > 0) {
      lines.shift()
      skipping = false
    }
    if (skipping) rest = ''
    else if (rest.length > MAX_LINE) {
      lines.push(rest.slice(0, MAX_LINE + 1))
      rest = ''
      skipping = true
    }
    if (lines.length > 0) yield lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '' && !skipping) yield [withoutReturn(rest)]
}

function withoutReturn(line: string): string {
  return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line
}
