/** Longest line, in characters; what is longer is cut, and so is no line that can be read. */
export const MAX_LINE = 2 ** 20

/**
 * Takes text apart into lines, as it comes: those of each piece together. The last line needs no newline. A byte order
 * mark and carriage returns are dropped. What is kept is no more than a line.
 */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8')
  /** What has come of a line; a line that is too long is cut. */
  let rest = ''
  for await (const piece of pieces) {
    const text = decoder.decode(piece, { stream: true })
    const last = text.lastIndexOf('\n')
    // A line may come in many pieces: what has come of it is not looked through again with each.
    if (last >= 0) {
      const lines = text.slice(0, last).split('\n')
      lines[0] = rest + (lines[0] ?? '')
      rest = ''
      yield lines.map(withoutReturn)
    }
    if (rest.length <= MAX_LINE) rest += text.slice(last + 1, last + 2 + MAX_LINE)
  }
  rest += decoder.decode()
  if (rest !== '') yield [withoutReturn(rest)]
}

function withoutReturn(line: string): string {
  return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line
}
