/** Maximum length of a line, in characters. A longer line is truncated and then rejected. */
export const MAX_LINE_LENGTH = 2 ** 20

/** Upper bound on the size of a valid line, in bytes. */
const MAX_BYTES = 4 * MAX_LINE_LENGTH

const NEWLINE = 10

/**
 * Groups chunks into strings of whole lines. The last line needs no newline. A byte order mark is
 * dropped. At most one chunk and one line are kept in memory.
 */
export async function* wholeLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Chunks of an incomplete line. A line that is too long is truncated. */
  let rest: Uint8Array[] = []
  let restBytes = 0
  let isFirst = true
  const decodeLines = (end: Uint8Array) => {
    const text = decoder.decode(rest.length === 0 ? end : Buffer.concat([...rest, end]))
    rest = []
    restBytes = 0
    const withMark = isFirst && text.startsWith('\ufeff')
    isFirst = false
    return withMark ? text.slice(1) : text
  }
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0) yield decodeLines(chunk.subarray(0, end))
    if (end === chunk.length || restBytes > MAX_BYTES) continue
    rest.push(chunk.subarray(end))
    restBytes += chunk.length - end
  }
  if (restBytes > 0) yield decodeLines(new Uint8Array())
}
