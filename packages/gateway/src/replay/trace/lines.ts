/** Longest line, in characters; what is longer is cut, and so is no line that can be read. */
export const MAX_LINE = 2 ** 20

/** So many bytes are more characters than a line may have, however they are encoded. */
const MAX_BYTES = 4 * MAX_LINE

const NEWLINE = 10

/**
 * Takes what comes apart into whole lines, many in one text; the last needs no newline. A byte order mark is dropped. What is kept is no more
 * than a piece and a line.
 */
export async function* wholeLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** What has come of a line, in pieces; a line that is too long is cut. */
  let rest: Uint8Array[] = []
  let restBytes = 0
  let isFirst = true
  const decoded = (end: Uint8Array) => {
    const text = decoder.decode(rest.length === 0 ? end : Buffer.concat([...rest, end]))
    rest = []
    restBytes = 0
    const withMark = isFirst && text.startsWith('\ufeff')
    isFirst = false
    return withMark ? text.slice(1) : text
  }
  for await (const piece of pieces) {
    const end = piece.lastIndexOf(NEWLINE) + 1
    if (end > 0) yield decoded(piece.subarray(0, end))
    if (end === piece.length || restBytes > MAX_BYTES) continue
    rest.push(piece.subarray(end))
    restBytes += piece.length - end
  }
  if (restBytes > 0) yield decoded(new Uint8Array())
}
