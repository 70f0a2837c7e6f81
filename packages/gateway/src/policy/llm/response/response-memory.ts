/** The memory of one piece of an answer. */
export interface AnswerRoom {
  /** Holds so many bytes from now on; `false` where there is no room for more, and what was held stays. */
  resize(bytes: number): boolean
}

/** A piece of so many bytes needs no room of its own: events and most documents are smaller. */
const FREE_BYTES = 64 * 1024

/** For a piece that is bounded by its own limit alone. */
export const UNBOUNDED: AnswerRoom = { resize: () => true }

/** Bounds the memory of the answers that a process holds at once to read them. Where there is no room, outlines are read. */
export class ResponseMemory {
  #limit: number
  #held = 0

  /** @param limit in bytes, over all answers */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are held now, but for small pieces. */
  get held(): number {
    return this.#held
  }

  /** What is held stays held. */
  setLimit(limit: number): void {
    this.#limit = limit
  }

  /** Room for a piece of an answer; whoever has it gives it back with `resize(0)`. */
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
