import { type Block, BoundedBlock } from './bounded-block.js'
import type { PieceMemory } from './response-memory.js'

const LF = 0x0a
const CR = 0x0d

/**
 * Splits an event stream (`text/event-stream`) into events, independent of its chunks. Emits all
 * bytes, in order.
 *
 * An event that ends in CR is emitted with the next byte, which may be the LF of the same line end.
 */
export class SseSplitter {
  readonly #block: BoundedBlock
  /** True if the current line is empty so far. */
  #isLineEmpty = true
  /** True if the last byte was a CR: an LF after it belongs to the same line end. */
  #afterCR = false
  /** True if that CR ended a blank line: the event ends before the next byte, or after an LF. */
  #ending = false
  /** True if a line of the stream ended with CRLF. */
  #hasCRLF = false

  /** @param maxBytes the longest event that is emitted whole; no more is held */
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
   * Reports whether the held bytes are a complete event that only waits for the byte after its last
   * CR.
   */
  get hasEnded(): boolean {
    return this.#ending && !this.#hasCRLF
  }

  /** The bytes after the last emitted event. */
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
