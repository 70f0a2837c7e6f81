import { lineEnd, timeOf } from './record-line.js'

/** Minimum size of a merged chunk except the last, in bytes. */
const MIN_CHUNK = 2 ** 16

/**
 * Merges the records of several processes by the times of their requests. Holds one chunk of each
 * record in memory.
 *
 * The next line is the one with the earliest time among the next lines of all records, and the one
 * of the first record at equal times. Records in order of time are thus merged in order of time. A
 * request is recorded when it ends, so it may be late: earlier than one before it. It is late in the
 * result by no more than in its own record, because no record gets ahead of the lines before it.
 *
 * @param sources chunks of whole lines
 */
export async function* mergeLines(sources: readonly AsyncGenerator<Buffer>[]): AsyncGenerator<Buffer> {
  if (sources.length === 1) return yield* sources[0] as AsyncGenerator<Buffer>
  try {
    const cursors: Cursor[] = []
    for (const [index, source] of sources.entries()) {
      const cursor = new Cursor(index, source)
      if (await cursor.readOn()) cursors.push(cursor)
    }
    let slices: Buffer[] = []
    let size = 0
    for (;;) {
      const [first, second] = earliestTwo(cursors)
      if (first === undefined) break
      const slice = first.takeBefore(second)
      slices.push(slice)
      size += slice.length
      if (size >= MIN_CHUNK) {
        yield Buffer.concat(slices)
        slices = []
        size = 0
      }
      if (!(await first.readOn())) cursors.splice(cursors.indexOf(first), 1)
    }
    if (size > 0) yield Buffer.concat(slices)
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)))
  }
}

/** A position in one of the merged records. */
class Cursor {
  readonly #index: number
  readonly #source: AsyncGenerator<Buffer>
  #chunk: Buffer = Buffer.alloc(0)
  /** Start of the next line in the chunk. */
  #at = 0
  /** Time of the next line, or of the last request before it if the line is not a request. */
  #time = Number.NEGATIVE_INFINITY

  constructor(index: number, source: AsyncGenerator<Buffer>) {
    this.#index = index
    this.#source = source
  }

  /** Reads the next chunk once the lines of the current one are taken. @returns false at the end */
  async readOn(): Promise<boolean> {
    if (this.#at < this.#chunk.length) return true
    const { done, value } = await this.#source.next()
    if (done) return false
    this.#chunk = value
    this.#at = 0
    this.#noteTime()
    return true
  }

  /** Takes the next line, and the lines of the chunk after it that precede those of another cursor. */
  takeBefore(other: Cursor | undefined): Buffer {
    const from = this.#at
    do {
      this.#at = lineEnd(this.#chunk, this.#at)
      if (this.#at === this.#chunk.length) break
      this.#noteTime()
    } while (this.precedes(other))
    return this.#chunk.subarray(from, this.#at)
  }

  precedes(other: Cursor | undefined): boolean {
    if (other === undefined) return true
    return this.#time === other.#time ? this.#index < other.#index : this.#time < other.#time
  }

  #noteTime(): void {
    this.#time = timeOf(this.#chunk, this.#at) ?? this.#time
  }
}

/** Returns the two cursors whose lines come first. */
function earliestTwo(cursors: readonly Cursor[]): readonly [Cursor | undefined, Cursor | undefined] {
  let first: Cursor | undefined
  let second: Cursor | undefined
  for (const cursor of cursors)
    if (cursor.precedes(first)) {
      second = first
      first = cursor
    } else if (cursor.precedes(second)) second = cursor
  return [first, second]
}
