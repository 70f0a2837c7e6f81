/** The memory used by one buffered piece of a response. */
export interface PieceMemory {
  /**
   * Changes the number of buffered bytes. If that exceeds the limit, returns `false` and changes
   * nothing.
   */
  resize(bytes: number): boolean
}

/** Size up to which a piece is not counted, in bytes. Events and most documents are smaller. */
const FREE_BYTES = 64 * 1024

/** Memory without a limit. */
export const UNBOUNDED: PieceMemory = { resize: () => true }

/**
 * Bounds the memory of all buffered responses of a process. A response that does not fit is read
 * as an outline.
 */
export class ResponseMemory {
  #limit: number
  #buffered = 0

  /** @param limit bytes across all responses */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes currently buffered, excluding small pieces. */
  get buffered(): number {
    return this.#buffered
  }

  /** Changes the limit. Bytes that are already buffered stay in memory. */
  setLimit(limit: number): void {
    this.#limit = limit
  }

  /** Creates the memory of a piece. The caller frees it with `resize(0)`. */
  allocate(): PieceMemory {
    let taken = 0
    return {
      resize: (bytes) => {
        const wanted = bytes > FREE_BYTES ? bytes : 0
        if (wanted > taken && this.#buffered + wanted - taken > this.#limit) return false
        this.#buffered += wanted - taken
        taken = wanted
        return true
      },
    }
  }
}
