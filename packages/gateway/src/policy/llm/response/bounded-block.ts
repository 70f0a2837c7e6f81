import { ByteBuffer } from './byte-buffer.js'
import { type AnswerRoom, UNBOUNDED } from './response-memory.js'

/** A part of a stream, such as an event. */
export interface Block {
  readonly bytes: Buffer
  /** `false`: these are some of the bytes of a block that is too long to be held, or had no room. */
  readonly whole: boolean
}

/** Puts the pieces of a block together, up to a bound. All the bytes come out again, in their order. */
export class BoundedBlock {
  readonly #most: number
  readonly #room: AnswerRoom
  readonly #held = new ByteBuffer()
  #tooLong = false

  /** @param most the longest block that comes out whole, in bytes; as much is held at most */
  constructor(most: number, room = UNBOUNDED) {
    this.#most = most
    this.#room = room
  }

  /** Whether nothing is held, and no block that is too long has begun. */
  get isEmpty(): boolean {
    return this.#held.length === 0 && !this.#tooLong
  }

  /** Takes a piece of a block that goes on. */
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

  /** Takes the last piece of a block, which may be empty. */
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

  /** What is held of a block that has not ended. */
  rest(): Buffer {
    this.#room.resize(0)
    return this.#held.take()
  }
}
