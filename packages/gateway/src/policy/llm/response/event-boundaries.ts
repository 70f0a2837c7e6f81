/** How the events of a stream are separated. */
export type StreamFormat =
  /** Server-sent events, which end with a blank line. */
  | 'events'
  /** A JSON value per line. */
  | 'lines'
  /** The items of one JSON list. */
  | 'list'

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENINGS: ReadonlySet<number> = new Set(Buffer.from('{['))
const CLOSINGS: ReadonlySet<number> = new Set(Buffer.from('}]'))

/** Finds where the events of a stream end, regardless of how it is chunked. */
export interface EventBoundaries {
  /** Reads the next bytes. @returns the position after the last event that ends in them; 0 if none does */
  lastEnd(chunk: Buffer): number
}

export function eventBoundaries(format: StreamFormat): EventBoundaries {
  if (format === 'events') return new BlankLines()
  return format === 'list' ? new ListItems() : { lastEnd: (chunk) => chunk.lastIndexOf(LF) + 1 }
}

class BlankLines implements EventBoundaries {
  #isLineEmpty = true
  /** True after a CR, to which an LF may belong. */
  #afterCR = false
  /** True if the last line ending ended a blank line. */
  #isBlank = false

  lastEnd(chunk: Buffer): number {
    let end = 0
    for (const [at, byte] of chunk.entries()) {
      const isSecondHalf = this.#afterCR && byte === LF
      this.#afterCR = byte === CR
      if (byte !== CR && byte !== LF) {
        this.#isLineEmpty = false
        continue
      }
      if (!isSecondHalf) {
        this.#isBlank = this.#isLineEmpty
        this.#isLineEmpty = true
      }
      if (this.#isBlank) end = at + 1
    }
    return end
  }
}

class ListItems implements EventBoundaries {
  #depth = 0
  #isInString = false
  #isEscaped = false

  lastEnd(chunk: Buffer): number {
    let end = 0
    for (const [at, byte] of chunk.entries()) {
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) this.#isInString = false
      } else if (byte === QUOTE) this.#isInString = true
      else if (OPENINGS.has(byte)) this.#depth += 1
      else if (CLOSINGS.has(byte)) {
        this.#depth -= 1
        if (this.#depth <= 1) end = at + 1
      }
    }
    return end
  }
}
