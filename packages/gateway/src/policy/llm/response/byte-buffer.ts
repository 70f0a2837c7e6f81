const EMPTY = Buffer.alloc(0)

/**
 * Buffers bytes until more arrive. Bytes are copied, so a small piece does not keep a large chunk
 * in memory.
 */
export class ByteBuffer {
  #bytes = EMPTY
  #length = 0

  get length(): number {
    return this.#length
  }

  append(piece: Buffer): void {
    const length = this.#length + piece.length
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, this.#bytes.length * 2, 256))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    piece.copy(this.#bytes, this.#length)
    this.#length = length
  }

  /** Returns the buffered bytes, which are valid until more are added. */
  peek(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Removes and returns the buffered bytes. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = EMPTY
    this.#length = 0
    return taken
  }
}
