import { ByteBuffer } from './byte-buffer.js'
import { type PieceMemory, UNBOUNDED } from './response-memory.js'

/** A unit of a stream, such as an event. */
export interface Block {
  readonly bytes: Buffer
  /** `false` for part of a block that is too long to hold, or for which there is no memory. */
  readonly whole: boolean
}

/** Assembles blocks from pieces, up to a bound. Emits all bytes, in order. */
export class BoundedBlock {
  readonly #maxBytes: number
  readonly #memory: PieceMemory
  readonly #held = new ByteBuffer()
  #tooLong = false

  /** @param maxBytes the longest block that is emitted whole; no more is held */
  constructor(maxBytes: number, memory = UNBOUNDED) {
    this.#maxBytes = maxBytes
    this.#memory = memory
  }

  /** Reports whether nothing is held and no block has begun. */
  get isEmpty(): boolean {
    return this.#held.length === 0 && !this.#tooLong
  }

  /** Adds a piece of a block that continues. */
  add(piece: Buffer, emit: (block: Block) => void): void {
    const length = this.#held.length + piece.length
    if (this.#tooLong || length > this.#maxBytes || !this.#memory.resize(length)) {
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
    const whole = !this.#tooLong && this.#held.length + last.length <= this.#maxBytes
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
    this.#memory.resize(0)
    return this.#held.take()
  }
}
