import { ByteBuffer } from './byte-buffer.js'
import { type PieceMemory, UNBOUNDED } from './response-memory.js'

/** A unit of a stream, such as an event. */
export interface Block {
  readonly bytes: Buffer
  /** `false` for a part of a block that is too long to buffer, or that exceeds the memory limit. */
  readonly whole: boolean
}

/** Assembles blocks from pieces, up to a bound. Emits all bytes, in order. */
export class BoundedBlock {
  readonly #maxBytes: number
  readonly #memory: PieceMemory
  readonly #buffered = new ByteBuffer()
  #tooLong = false

  /** @param maxBytes maximum size of a block that is emitted whole, and of the buffer */
  constructor(maxBytes: number, memory = UNBOUNDED) {
    this.#maxBytes = maxBytes
    this.#memory = memory
  }

  /** Reports whether nothing is buffered and no block has begun. */
  get isEmpty(): boolean {
    return this.#buffered.length === 0 && !this.#tooLong
  }

  /** Adds a piece that does not end its block. */
  add(piece: Buffer, emit: (block: Block) => void): void {
    const length = this.#buffered.length + piece.length
    if (this.#tooLong || length > this.#maxBytes || !this.#memory.resize(length)) {
      this.#tooLong = true
      const buffered = this.rest()
      if (buffered.length > 0) emit({ bytes: buffered, whole: false })
      if (piece.length > 0) emit({ bytes: piece, whole: false })
    } else if (piece.length > 0) {
      this.#buffered.append(piece)
    }
  }

  /** Adds the last piece of a block, which may be empty. */
  end(last: Buffer, emit: (block: Block) => void): void {
    const whole = !this.#tooLong && this.#buffered.length + last.length <= this.#maxBytes
    this.#tooLong = false
    if (this.#buffered.length === 0) {
      if (last.length > 0) emit({ bytes: last, whole })
      return
    }
    this.#buffered.append(last)
    emit({ bytes: this.rest(), whole })
  }

  /** Removes and returns the buffered bytes of an unfinished block. */
  rest(): Buffer {
    this.#memory.resize(0)
    return this.#buffered.take()
  }
}
