/** The most that bodies take together while they are being read ahead, in bytes. */
export const MAX_READING_BYTES = 64 << 20

/** There is no memory for a body now: a 503. It is nothing that a rule's `fallbackCost` stands in for. */
export class BodyMemoryError extends Error {
  override readonly name = 'BodyMemoryError'
  readonly status = 503
  /** Milliseconds. */
  readonly retryAfter = 1000
  constructor() {
    super('too many request bodies are being read')
  }
}

/** A body that is being read. */
interface Reading {
  bytes: number
  readonly evict: () => void
}

/**
 * The memory of all bodies that are being read ahead. If it runs out, the largest of them is given up, so that clients which send large
 * bodies and never end them keep no smaller ones out.
 */
export class ReadingMemory {
  readonly #limit: number
  readonly #readings = new Set<Reading>()
  #held = 0

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held
  }

  /**
   * Begins to hold a body.
   *
   * @param evict is called where its memory is taken away
   * @returns what takes more bytes and what gives all back
   */
  begin(evict: () => void): { readonly take: (bytes: number) => void; readonly release: () => void } {
    const reading: Reading = { bytes: 0, evict }
    this.#readings.add(reading)
    return {
      take: (bytes) => this.#take(reading, bytes),
      release: () => this.#release(reading),
    }
  }

  /** @throws BodyMemoryError where there is no room but in bodies that are not larger */
  #take(reading: Reading, bytes: number): void {
    if (!this.#readings.has(reading)) throw new BodyMemoryError()
    while (this.#held + bytes > this.#limit) {
      let largest = reading
      for (const other of this.#readings)
        if (other !== reading && other.bytes > Math.max(largest.bytes, reading.bytes + bytes)) largest = other
      if (largest === reading) throw new BodyMemoryError()
      this.#release(largest)
      largest.evict()
    }
    reading.bytes += bytes
    this.#held += bytes
  }

  #release(reading: Reading): void {
    if (this.#readings.delete(reading)) this.#held -= reading.bytes
  }
}

/** One for the process: what several limiters read is in the same memory. */
export const READING_MEMORY = new ReadingMemory(MAX_READING_BYTES)
