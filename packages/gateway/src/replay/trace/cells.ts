/** Cells of one line, by index. */
export interface Cells {
  /** Returns the trimmed content of a cell; undefined if it is empty. */
  text(index: number): string | undefined
  /** Returns an integer of up to 15 digits; -1 for other content. */
  digits(index: number): number
}

/** Cells stored as strings. */
export class StringCells implements Cells {
  constructor(private readonly texts: readonly (string | undefined)[]) {}

  text(index: number): string | undefined {
    return this.texts[index] || undefined
  }

  digits(index: number): number {
    const text = this.texts[index]
    return text === undefined ? -1 : digitsBetween(text, 0, text.length)
  }
}

export const QUOTE = 34

/** Returned instead of the number of cells if a line contains quotes. */
export const QUOTED = -1

/**
 * Cells of a line within a longer string, between separators. Substrings are created on demand:
 * creating one for every cell would double the reading time.
 */
export class LineCells implements Cells {
  #text = ''
  readonly #ends: Int32Array
  #from = 0

  /** @param width cells per line */
  constructor(
    private readonly separator: number,
    private readonly width: number,
  ) {
    this.#ends = new Int32Array(width)
  }

  /** Splits a line. Returns the number of its cells, or `QUOTED`. */
  take(text: string, from: number, to: number): number {
    let count = 0
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) return QUOTED
      if (code === this.separator) this.#ends[count++] = at
    }
    this.#ends[count++] = to
    this.#text = text
    this.#from = from
    return count
  }

  /** Returns the content of a cell, including white space; undefined if there is no such cell. */
  raw(index: number): string | undefined {
    return index < 0 || index >= this.width
      ? undefined
      : this.#text.slice(this.#begin(index), this.#ends[index])
  }

  text(index: number): string | undefined {
    const text = this.raw(index)
    if (text === undefined || text === '') return undefined
    const isBare = isPlain(text.charCodeAt(0)) && isPlain(text.charCodeAt(text.length - 1))
    return isBare ? text : text.trim() || undefined
  }

  digits(index: number): number {
    if (index < 0) return -1
    return digitsBetween(this.#text, this.#begin(index), this.#ends[index] as number)
  }

  #begin(index: number): number {
    return index === 0 ? this.#from : (this.#ends[index - 1] as number) + 1
  }
}

/** Reports whether a character is ASCII and neither white space nor a control character. */
function isPlain(code: number): boolean {
  return code > 32 && code < 128
}

/** Integers of up to this many digits are exact in a double. */
const MAX_DIGITS = 15

/**
 * Parses the integer between two positions of a string; -1 if the range is empty, too long or
 * contains other characters.
 */
export function digitsBetween(text: string, from: number, to: number): number {
  if (from >= to || to - from > MAX_DIGITS) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    value = value * 10 + digit
  }
  return value
}
