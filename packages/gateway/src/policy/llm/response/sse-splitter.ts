import { type Block, BoundedBlock } from './bounded-block.js'
import type { PieceMemory } from './response-memory.js'

const LF = 0x0a
const CR = 0x0d

/**
 * Splits an event stream (`text/event-stream`) into events, regardless of how it is chunked. Emits
 * all bytes, in order.
 *
 * An event that ends in CR is emitted when the next byte arrives, which may be the LF of the same
 * line ending.
 */
export class SseSplitter {
  readonly #block: BoundedBlock
  /** True if the current line is empty so far. */
  #isLineEmpty = true
  /** True if the last byte was a CR: an LF after it belongs to the same line ending. */
  #afterCR = false
  /**
   * True if that CR ended a blank line. The event ends before the next byte, or after it if it is
   * an LF.
   */
  #ending = false
  /** True if a line of the stream ended with CRLF. */
  #hasCRLF = false

  /** @param maxBytes maximum size of an event that is emitted whole, and of the buffer, in bytes */
  constructor(maxBytes: number, memory?: PieceMemory) {
    this.#block = new BoundedBlock(maxBytes, memory)
  }

  push(chunk: Buffer, emit: (block: Block) => void): void {
    let start = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const end = this.#endOfEvent(chunk[at] as number, at)
      if (end === undefined) continue
      this.#block.end(chunk.subarray(start, end), emit)
      start = end
    }
    this.#block.add(chunk.subarray(start), emit)
  }

  /**
   * Reports whether the buffered bytes are a complete event. Its last CR may still be the first
   * half of a CRLF.
   */
  get hasEnded(): boolean {
    return this.#ending && !this.#hasCRLF
  }

  /** Removes and returns the bytes after the last emitted event. */
  rest(): Buffer {
    return this.#block.rest()
  }

  /** Reads one byte. Returns the index at which an event ended, or undefined. */
  #endOfEvent(byte: number, at: number): number | undefined {
    const ended = this.#ending
    const isCRLF = this.#afterCR && byte === LF
    this.#ending = false
    this.#afterCR = byte === CR
    if (isCRLF) {
      this.#hasCRLF = true
      return ended ? at + 1 : undefined
    }
    if (byte === LF && this.#isLineEmpty) return at + 1
    // A CR after the last CR of an event is a blank line.
    this.#ending = byte === CR && this.#isLineEmpty
    this.#isLineEmpty = byte === CR || byte === LF
    return ended ? at : undefined
  }
}
