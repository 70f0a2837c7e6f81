/** What stands in one line, by places. */
export interface Cells {
  /** As it counts; undefined where there is nothing. */
  text(place: number): string | undefined
  /** A whole number of up to 15 digits; -1 for whatever is not written so. */
  digits(place: number): number
}

/** Cells that are texts of their own. */
export class TextCells implements Cells {
  constructor(private readonly texts: readonly (string | undefined)[]) {}

  text(place: number): string | undefined {
    return this.texts[place] || undefined
  }

  digits(place: number): number {
    const text = this.texts[place]
    return text === undefined ? -1 : digitsBetween(text, 0, text.length)
  }
}

export const QUOTE = 34

/** In place of a number of cells: there are quotes between them. */
export const QUOTED = -1

/**
 * Cells of a line that stands in a longer text, between separators. Nothing is cut out before it is asked for: to cut a line of four cells into
 * texts takes as long as all else that reading does.
 */
export class LineCells implements Cells {
  #text = ''
  readonly #ends: Int32Array
  #from = 0

  /** @param width how many cells a line has */
  constructor(
    private readonly separator: number,
    private readonly width: number,
  ) {
    this.#ends = new Int32Array(width)
  }

  /** Takes a line. @returns how many cells it has, or `QUOTED` */
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

  /** As it stands there; undefined where there is no such place. */
  raw(place: number): string | undefined {
    return place < 0 || place >= this.width
      ? undefined
      : this.#text.slice(this.#begin(place), this.#ends[place])
  }

  /** Without the white space around it. */
  text(place: number): string | undefined {
    const text = this.raw(place)
    if (text === undefined || text === '') return undefined
    const isBare = isPlain(text.charCodeAt(0)) && isPlain(text.charCodeAt(text.length - 1))
    return isBare ? text : text.trim() || undefined
  }

  digits(place: number): number {
    if (place < 0) return -1
    return digitsBetween(this.#text, this.#begin(place), this.#ends[place] as number)
  }

  #begin(place: number): number {
    return place === 0 ? this.#from : (this.#ends[place - 1] as number) + 1
  }
}

/** Whether a character is surely no white space. */
function isPlain(code: number): boolean {
  return code > 32 && code < 128
}

/** So many digits are a whole number that is exact. */
const MAX_DIGITS = 15

/** The whole number that stands between two places of a text; -1 where there is something else, or nothing, or too much. */
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
