import { HeldBytes } from './held-bytes.js'

/** A part of a stream, such as an event. */
export interface Block {
  readonly bytes: Buffer
  /** `false`: these are some of the bytes of a block that is too long to be held. */
  readonly whole: boolean
}

/** Puts the pieces of a block together, up to a bound. All the bytes come out again, in their order. */
export class BoundedBlock {
  readonly #most: number
  readonly #held = new HeldBytes()
  #tooLong = false

  /** @param most the longest block that comes out whole, in bytes; as much is held at most */
  constructor(most: number) {
    this.#most = most
  }

  /** Whether nothing is held, and no block that is too long has begun. */
  get isEmpty(): boolean {
    return this.#held.length === 0 && !this.#tooLong
  }

  /** Takes a piece of a block that goes on. */
  add(piece: Buffer, emit: (block: Block) => void): void {
    if (this.#tooLong || this.#held.length + piece.length > this.#most) {
      this.#tooLong = true
      const held = this.#held.take()
      if (held.length > 0) emit({ bytes: held, whole: false })
      if (piece.length > 0) emit({ bytes: piece, whole: false })
    } else if (piece.length > 0) {
      this.#held.append(piece)
    }
  }

  /** Takes the last piece of a block, which may be empty. */
  end(last: Buffer, emit: (block: Block) => void): void {
    const whole = !this.#tooLong && this.#held.length + last.length <= this.#most
    this.#tooLong = false
    if (this.#held.length === 0) {
      if (last.length > 0) emit({ bytes: last, whole })
      return
    }
    this.#held.append(last)
    emit({ bytes: this.#held.take(), whole })
  }

  /** What is held of a block that has not ended. */
  rest(): Buffer {
    return this.#held.take()
  }
}
