/**
 * Piece sizes in bytes. The first piece is small, as most bodies are. Each further piece is twice
 * as large as the one before it, up to the maximum.
 */
const FIRST_PIECE = 4096
const MAX_PIECE = 64 * 1024

/** Maximum number of full-size pieces kept for reuse, which relieves the garbage collector. */
const MAX_SPARE = 32
const spare: Buffer[] = []

/**
 * A buffer for a body that is being read. It copies chunks into its own pieces, so that its memory
 * exceeds the size of the body by at most one piece, regardless of the size of the chunks.
 */
export class BodyBuffer {
  readonly #pieces: Buffer[] = []
  /** Number of bytes in the last piece. */
  #filled = 0
  #length = 0

  /** Number of appended bytes. */
  get length(): number {
    return this.#length
  }

  /**
   * Appends a chunk.
   *
   * @param grow reserves memory for a new piece; if it returns false, the rest of the chunk is
   *   dropped
   * @returns whether the whole chunk was appended
   */
  append(chunk: Buffer, grow: (bytes: number) => boolean): boolean {
    let offset = 0
    while (offset < chunk.length) {
      const last = this.#pieces.at(-1)
      if (last === undefined || this.#filled === last.length) {
        const size = last === undefined ? FIRST_PIECE : Math.min(2 * last.length, MAX_PIECE)
        if (!grow(size)) return false
        this.#pieces.push(allocatePiece(size))
        this.#filled = 0
        continue
      }
      const copied = chunk.copy(last, this.#filled, offset)
      this.#filled += copied
      offset += copied
    }
    this.#length += chunk.length
    return true
  }

  /** Returns the body as one buffer and clears this one. */
  take(): Buffer {
    const body = Buffer.allocUnsafeSlow(this.#length)
    let offset = 0
    for (const piece of this.#pieces)
      offset += piece.copy(body, offset, 0, Math.min(piece.length, this.#length - offset))
    this.clear()
    return body
  }

  /** Discards the bytes and releases the pieces. */
  clear(): void {
    for (const piece of this.#pieces)
      if (piece.length === MAX_PIECE && spare.length < MAX_SPARE) spare.push(piece)
    this.#pieces.length = 0
    this.#filled = 0
    this.#length = 0
  }
}

function allocatePiece(size: number): Buffer {
  return (size === MAX_PIECE ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size)
}
