import { type Block, BoundedBlock } from './bounded-block.js'
import type { AnswerRoom } from './response-memory.js'

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
  #lineEmpty = true
  /** True if the last byte was a CR: an LF after it belongs to the same line end. */
  #afterCR = false
  /** True if that CR was a blank line: the event ends before the next byte, or after an LF. */
  #ending = false
  /** True if a line of the stream ended with CRLF. */
  #hasPairs = false

  /** @param most the longest event that is emitted whole, in bytes; no more is held */
  constructor(most: number, room?: AnswerRoom) {
    this.#block = new BoundedBlock(most, room)
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
    return this.#ending && !this.#hasPairs
  }

  /** The bytes after the last emitted event. */
  rest(): Buffer {
    return this.#block.rest()
  }

  /** Reads one byte. @returns the index at which an event ended, if one did */
  #endOfEvent(byte: number, at: number): number | undefined {
    const ended = this.#ending
    const pairs = this.#afterCR && byte === LF
    this.#ending = false
    this.#afterCR = byte === CR
    if (pairs) {
      this.#hasPairs = true
      return ended ? at + 1 : undefined
    }
    if (byte === LF && this.#lineEmpty) return at + 1
    // A CR after the last CR of an event is a blank line.
    this.#ending = byte === CR && this.#lineEmpty
    this.#lineEmpty = byte === CR || byte === LF
    return ended ? at : undefined
  }
}
