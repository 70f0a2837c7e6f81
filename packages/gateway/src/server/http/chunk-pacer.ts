/** Bytes for which a chunk is free: a client that sends pieces of this size or larger is never slowed down. */
const BYTES_PER_CHUNK = 256

/** Chunks that are free whatever their size, each time the process reads from a connection. */
const FREE_CHUNKS = 64

/** What a chunk too many costs, in milliseconds. Reading one takes a hundredth or two of that. */
const CHUNK_MS = 0.1

/**
 * Bounds the processor time that bodies in tiny chunks take, over all connections of a process. A chunk of one byte costs as
 * much to read as one of many kilobytes, so that a few clients could keep the process busy with next to no traffic. Each
 * read with too many chunks has its connection wait, one after the other: together they take a few hundredths of the time.
 */
export class ChunkPacer {
  /** When what was read so far is paid for, in milliseconds of the clock. */
  #paidAt = Number.NEGATIVE_INFINITY

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Tells for how long not to read on, in milliseconds, after a read of so many chunks and bytes. */
  delayAfter(chunks: number, bytes: number): number {
    const excess = chunks - FREE_CHUNKS - bytes / BYTES_PER_CHUNK
    if (excess <= 0) return 0
    const now = this.now()
    this.#paidAt = Math.max(now, this.#paidAt) + excess * CHUNK_MS
    return this.#paidAt - now
  }
}
