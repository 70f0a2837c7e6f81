/** The memory of one held piece of a response. */
export interface AnswerRoom {
  /**
   * Changes the number of held bytes. Returns `false`, and changes nothing, if there is no memory.
   */
  resize(bytes: number): boolean
}

/** Pieces up to this size are not counted: events and most documents are smaller. In bytes. */
const FREE_BYTES = 64 * 1024

/** Memory of a piece that only its own bound limits. */
export const UNBOUNDED: AnswerRoom = { resize: () => true }

/** Bounds the memory of all buffered responses of a process. Without memory, outlines are read. */
export class ResponseMemory {
  #limit: number
  #held = 0

  /** @param limit bytes over all responses */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes held now, without small pieces. */
  get held(): number {
    return this.#held
  }

  /** Changes the limit. Held bytes stay held. */
  setLimit(limit: number): void {
    this.#limit = limit
  }

  /** Creates the memory of a piece. The caller frees it with `resize(0)`. */
  room(): AnswerRoom {
    let taken = 0
    return {
      resize: (bytes) => {
        const wanted = bytes > FREE_BYTES ? bytes : 0
        if (wanted > taken && this.#held + wanted - taken > this.#limit) return false
        this.#held += wanted - taken
        taken = wanted
        return true
      },
    }
  }
}
