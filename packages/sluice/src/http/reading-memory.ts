/** Memory limit of all bodies that are being read ahead, in bytes. */
export const MAX_READING_BYTES = 64 << 20

/**
 * An error for a body that exceeds the memory limit: status 503. The `fallbackCost` of a rule does
 * not apply.
 */
export class BodyMemoryError extends Error {
  override readonly name = 'BodyMemoryError'
  readonly status = 503
  /** Suggested time until a retry, in milliseconds. */
  readonly retryAfter = 1000
  constructor() {
    super('too many request bodies are being read')
  }
}

/** A body that is being read. */
interface Reading {
  bytes: number
  readonly onEvict: () => void
}

/**
 * Limits the memory of all bodies that are being read ahead. When the memory runs out, the largest
 * body is evicted, so that clients with large, unfinished bodies do not block smaller ones.
 */
export class ReadingMemory {
  readonly #limit: number
  readonly #readings = new Set<Reading>()
  #held = 0

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes in use. */
  get held(): number {
    return this.#held
  }

  /**
   * Starts counting the memory of a body.
   *
   * @param onEvict called when the body is evicted
   * @returns functions that take more bytes and release all of them
   */
  begin(onEvict: () => void): { readonly take: (bytes: number) => void; readonly release: () => void } {
    const reading: Reading = { bytes: 0, onEvict }
    this.#readings.add(reading)
    return {
      take: (bytes) => this.#take(reading, bytes),
      release: () => this.#release(reading),
    }
  }

  /** @throws BodyMemoryError if the limit is reached and no larger body can be evicted */
  #take(reading: Reading, bytes: number): void {
    if (!this.#readings.has(reading)) throw new BodyMemoryError()
    while (this.#held + bytes > this.#limit) {
      let largest = reading
      for (const other of this.#readings)
        if (other !== reading && other.bytes > Math.max(largest.bytes, reading.bytes + bytes)) largest = other
      if (largest === reading) throw new BodyMemoryError()
      this.#release(largest)
      largest.onEvict()
    }
    reading.bytes += bytes
    this.#held += bytes
  }

  #release(reading: Reading): void {
    if (this.#readings.delete(reading)) this.#held -= reading.bytes
  }
}

/** The memory limit of this process, shared by all its limiters. */
export const READING_MEMORY = new ReadingMemory(MAX_READING_BYTES)
