/** The first piece is small, since most bodies are; then they double. In bytes. */
const FIRST_PIECE = 4096
const MAX_PIECE = 64 * 1024

/** Pieces of the largest size that are kept for the next body, so that they are no garbage. */
const MAX_SPARE = 32
const spare: Buffer[] = []

/**
 * A body as it is read, copied into pieces of the buffer's own: it takes its size and at most one piece more, in however
 * small chunks it comes.
 */
export class BodyBuffer {
  readonly #pieces: Buffer[] = []
  /** Bytes in the last piece. */
  #filled = 0
  #length = 0

  /** Bytes that were appended. */
  get length(): number {
    return this.#length
  }

  /**
   * Appends a chunk.
   *
   * @param grow asked for the size of each new piece; where it says no, the rest of the chunk is not appended
   * @returns whether all of the chunk was appended
   */
  append(chunk: Buffer, grow: (bytes: number) => boolean): boolean {
    let from = 0
    while (from < chunk.length) {
      const last = this.#pieces.at(-1)
      if (last === undefined || this.#filled === last.length) {
        const size = last === undefined ? FIRST_PIECE : Math.min(2 * last.length, MAX_PIECE)
        if (!grow(size)) return false
        this.#pieces.push(pieceOf(size))
        this.#filled = 0
        continue
      }
      const copied = chunk.copy(last, this.#filled, from)
      this.#filled += copied
      from += copied
    }
    this.#length += chunk.length
    return true
  }

  /** The whole body, in memory of its own. The pieces are let go of. */
  take(): Buffer {
    const body = Buffer.allocUnsafeSlow(this.#length)
    let at = 0
    for (const piece of this.#pieces) at += piece.copy(body, at, 0, Math.min(piece.length, this.#length - at))
    this.drop()
    return body
  }

  /** Lets go of what was read. */
  drop(): void {
    for (const piece of this.#pieces)
      if (piece.length === MAX_PIECE && spare.length < MAX_SPARE) spare.push(piece)
    this.#pieces.length = 0
    this.#filled = 0
    this.#length = 0
  }
}

function pieceOf(size: number): Buffer {
  return (size === MAX_PIECE ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size)
}
