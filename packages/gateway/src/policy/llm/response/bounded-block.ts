import { ByteBuffer } from './byte-buffer.js'
import { type AnswerRoom, UNBOUNDED } from './response-memory.js'

/** A unit of a stream, such as an event. */
export interface Block {
  readonly bytes: Buffer
  /** `false` for part of a block that is too long to hold, or for which there is no memory. */
  readonly whole: boolean
}

/** Assembles blocks from pieces, up to a bound. Emits all bytes, in order. */
export class BoundedBlock {
  readonly #most: number
  readonly #room: AnswerRoom
  readonly #held = new ByteBuffer()
  #tooLong = false

  /** @param most the longest block that is emitted whole, in bytes; no more is held */
  constructor(most: number, room = UNBOUNDED) {
    this.#most = most
    this.#room = room
  }

  /** Reports whether nothing is held and no block has begun. */
  get isEmpty(): boolean {
    return this.#held.length === 0 && !this.#tooLong
  }

  /** Adds a piece of a block that continues. */
  add(piece: Buffer, emit: (block: Block) => void): void {
    const length = this.#held.length + piece.length
    if (this.#tooLong || length > this.#most || !this.#room.resize(length)) {
      this.#tooLong = true
      const held = this.rest()
      if (held.length > 0) emit({ bytes: held, whole: false })
      if (piece.length > 0) emit({ bytes: piece, whole: false })
    } else if (piece.length > 0) {
      this.#held.append(piece)
    }
  }

  /** Adds the last piece of a block, which may be empty. */
  end(last: Buffer, emit: (block: Block) => void): void {
    const whole = !this.#tooLong && this.#held.length + last.length <= this.#most
    this.#tooLong = false
    if (this.#held.length === 0) {
      if (last.length > 0) emit({ bytes: last, whole })
      return
    }
    this.#held.append(last)
    emit({ bytes: this.rest(), whole })
  }

  /** The held bytes of an unfinished block. */
  rest(): Buffer {
    this.#room.resize(0)
    return this.#held.take()
  }
}
