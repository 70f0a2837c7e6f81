/**
 * Number of bytes that offset one chunk. Clients that send chunks of this size or larger are never
 * delayed.
 */
const BYTES_PER_CHUNK = 256

/** Number of chunks, of any size, that each read from a connection may contain without a delay. */
const FREE_CHUNKS = 64

/**
 * The delay for each excess chunk, in milliseconds. Reading a chunk takes 1 to 2 % of this time.
 */
const CHUNK_MS = 0.1

/**
 * Bounds the CPU time spent on bodies in tiny chunks, across all connections of a process.
 *
 * A chunk of one byte costs as much to read as one of many kilobytes, so a few clients could keep
 * the process busy with almost no traffic. A read with too many chunks delays its connection. The
 * delays of all connections are consecutive, so that together the connections use only a few
 * percent of the CPU.
 */
export class ChunkPacer {
  /** Time at which all earlier delays have ended, in milliseconds of the clock. */
  #busyUntil = Number.NEGATIVE_INFINITY

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Returns the milliseconds for which to pause reading after a read of `chunks` and `bytes`. */
  delayAfter(chunks: number, bytes: number): number {
    const excess = chunks - FREE_CHUNKS - bytes / BYTES_PER_CHUNK
    if (excess <= 0) return 0
    const now = this.now()
    this.#busyUntil = Math.max(now, this.#busyUntil) + excess * CHUNK_MS
    return this.#busyUntil - now
  }
}
