import { type Block, BoundedBlock } from './bounded-block.js'
import type { PieceMemory } from './response-memory.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20
/** The characters around the items of a list. No item begins with a bracket. */
const LIST_MARKS: ReadonlySet<number> = new Set(Buffer.from('[,]'))

/**
 * Splits bytes into JSON values: newline-delimited JSON (NDJSON, JSON Lines), JSON text sequences
 * (RFC 7464), concatenated values, and documents of one value. The structural characters of JSON
 * are ASCII, so scanning bytes is sufficient. Bytes that are not JSON are emitted as a value, up to
 * the next space.
 */
export class JsonValues {
  readonly #block: BoundedBlock
  #inValue = false
  #inString = false
  #afterBackslash = false
  #depth = 0
  readonly #isList: boolean

  /**
   * @param maxBytes maximum size of a value that is emitted whole, and of the buffer, in bytes
   * @param isList true if the values are the items of one list, without its brackets and commas
   */
  constructor(maxBytes: number, memory?: PieceMemory, isList = false) {
    this.#isList = isList
    this.#block = new BoundedBlock(maxBytes, memory)
  }

  push(chunk: Buffer, emit: (value: Block) => void): void {
    let start = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      if (!this.#inValue) {
        // Space and control characters, such as the record separator of JSON text sequences.
        if (byte <= SPACE || (this.#isList && LIST_MARKS.has(byte))) continue
        this.#inValue = true
        start = at
      }
      const end = this.#endOfValue(byte, at)
      if (end === undefined) continue
      this.#inValue = false
      this.#block.end(chunk.subarray(start, end), emit)
      start = at + 1
    }
    if (this.#inValue) this.#block.add(chunk.subarray(start), emit)
  }

  /** Reports whether a value has begun but not ended. */
  get isInValue(): boolean {
    return this.#inValue
  }

  /** Removes and returns the buffered bytes of an unfinished value. */
  rest(): Buffer {
    return this.#block.rest()
  }

  /**
   * Reads one byte of a value.
   *
   * @returns the index at which the value ends; undefined if it continues
   */
  #endOfValue(byte: number, at: number): number | undefined {
    if (this.#inString) {
      if (this.#afterBackslash) this.#afterBackslash = false
      else if (byte === BACKSLASH) this.#afterBackslash = true
      else if (byte === QUOTE) {
        this.#inString = false
        if (this.#depth === 0) return at + 1
      }
      return undefined
    }
    if (byte === QUOTE) this.#inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth = Math.max(0, this.#depth - 1)
      if (this.#depth === 0) return at + 1
    } else if (byte <= SPACE && this.#depth === 0) return at
    return undefined
  }
}
