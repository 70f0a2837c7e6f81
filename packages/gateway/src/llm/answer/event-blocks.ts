import { HeldBytes } from './held-bytes.js'

/** An event of an event stream as it was sent: its lines and the blank line that ends it. */
export interface EventBlock {
  readonly bytes: Buffer
  /** `false`: these are some of the bytes of an event that is too long to be held. */
  readonly whole: boolean
}

const LF = 0x0a
const CR = 0x0d

/**
 * Cuts the bytes of an event stream (`text/event-stream`) into its events, wherever its chunks begin and end. All the
 * bytes come out again, in their order.
 *
 * An event that ends with a CR comes out with the byte after that, which may be an LF that belongs to it.
 */
export class EventBlocks {
  readonly #most: number
  readonly #held = new HeldBytes()
  /** No byte of the current line has come. */
  #lineEmpty = true
  /** The last byte was a CR: an LF that follows is the same line end. */
  #afterCR = false
  /** That CR was a blank line: the event ends before the next byte, or with it if it is an LF. */
  #ending = false
  #tooLong = false

  /** @param most the longest event that comes out whole, in bytes; as much is held at most */
  constructor(most: number) {
    this.#most = most
  }

  push(chunk: Buffer, emit: (block: EventBlock) => void): void {
    let start = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const end = this.#endOfEvent(chunk[at] as number, at)
      if (end === undefined) continue
      this.#emit(chunk.subarray(start, end), emit)
      start = end
    }
    this.#hold(chunk.subarray(start), emit)
  }

  /** What came after the last event that is complete. */
  rest(): Buffer {
    return this.#held.take()
  }

  /** Takes one byte. @returns where in the chunk an event ended, if one did */
  #endOfEvent(byte: number, at: number): number | undefined {
    const ended = this.#ending
    const pairs = this.#afterCR && byte === LF
    this.#ending = false
    this.#afterCR = byte === CR
    if (pairs) return ended ? at + 1 : undefined
    if (byte === LF && this.#lineEmpty) return at + 1
    // Where a CR comes after an event's last CR, it is a blank line by itself.
    this.#ending = byte === CR && this.#lineEmpty
    this.#lineEmpty = byte === CR || byte === LF
    return ended ? at : undefined
  }

  #emit(last: Buffer, emit: (block: EventBlock) => void): void {
    const whole = !this.#tooLong && this.#held.length + last.length <= this.#most
    this.#tooLong = false
    if (this.#held.length === 0) {
      if (last.length > 0) emit({ bytes: last, whole })
      return
    }
    this.#held.append(last)
    emit({ bytes: this.#held.take(), whole })
  }

  #hold(piece: Buffer, emit: (block: EventBlock) => void): void {
    if (this.#tooLong || this.#held.length + piece.length > this.#most) {
      this.#tooLong = true
      const held = this.#held.take()
      if (held.length > 0) emit({ bytes: held, whole: false })
      if (piece.length > 0) emit({ bytes: piece, whole: false })
    } else if (piece.length > 0) {
      this.#held.append(piece)
    }
  }
}
