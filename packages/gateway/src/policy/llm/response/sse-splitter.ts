import { type Block, BoundedBlock } from './bounded-block.js'
import type { AnswerRoom } from './response-memory.js'

const LF = 0x0a
const CR = 0x0d

/**
 * Cuts the bytes of an event stream (`text/event-stream`) into its events, wherever its chunks begin and end. All the
 * bytes come out again, in their order.
 *
 * An event that ends with a CR comes out with the byte after that, which may be an LF that belongs to it.
 */
export class SseSplitter {
  readonly #block: BoundedBlock
  /** No byte of the current line has come. */
  #lineEmpty = true
  /** The last byte was a CR: an LF that follows is the same line end. */
  #afterCR = false
  /** That CR was a blank line: the event ends before the next byte, or with it if it is an LF. */
  #ending = false
  /** Some line of the stream ended with CRLF. */
  #hasPairs = false

  /** @param most the longest event that comes out whole, in bytes; as much is held at most */
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

  /** Whether what is left is an event that is complete, and only waits for what comes after its last CR. */
  get hasEnded(): boolean {
    return this.#ending && !this.#hasPairs
  }

  /** What came after the last event that was emitted. */
  rest(): Buffer {
    return this.#block.rest()
  }

  /** Takes one byte. @returns where in the chunk an event ended, if one did */
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
    // Where a CR comes after an event's last CR, it is a blank line by itself.
    this.#ending = byte === CR && this.#lineEmpty
    this.#lineEmpty = byte === CR || byte === LF
    return ended ? at : undefined
  }
}
