import type { ReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { lastLineEnd, lineEnd, timeOf } from './record-line.js'

interface OpenFile {
  readonly handle: FileHandle
  /** Size of the file when it was opened, in bytes. */
  readonly size: number
}

/** Maximum difference between the clocks of the file system and the record, in milliseconds. */
const CLOCK_SKEW_MS = 60_000
/**
 * Maximum length of a line, in bytes. A file with a longer line is not a record, and might be a
 * gzip bomb.
 */
const MAX_LINE = 2 ** 20
/** Bytes read at a time. */
const CHUNK_SIZE = 2 ** 18

/**
 * The files of one process as they were when opened: `FILE` and its older files, `FILE.1`, `FILE.2`
 * and so on. It does not change while more is recorded and files are rotated, so it can be read
 * several times.
 */
export class FileSeries {
  /** Oldest first. */
  readonly #files: readonly OpenFile[]
  readonly #since: number | undefined
  #bytesDone = 0
  #current: ReadStream | undefined
  #damaged = 0
  #isTruncated = false

  private constructor(files: readonly OpenFile[], since: number | undefined) {
    this.#files = files
    this.#since = since
  }

  /**
   * @param count maximum number of files
   * @param since epoch milliseconds; earlier requests are skipped
   */
  static async open(file: string, count: number, since?: number): Promise<FileSeries> {
    const opened = new Map<number, OpenFile>()
    try {
      // Newest first, so that a file that is rotated in the meantime is seen twice rather than
      // missed.
      for (let number = 0; number < count; number++) {
        const handle = await openIfExists(number === 0 ? file : `${file}.${number}`)
        if (handle === undefined) continue
        const { ino, size, mtimeMs } = await handle.stat()
        if (opened.has(ino) || size === 0 || mtimeMs + CLOCK_SKEW_MS < (since ?? 0)) await handle.close()
        else opened.set(ino, { handle, size })
      }
    } catch (error) {
      await Promise.all([...opened.values()].map(({ handle }) => handle.close()))
      throw error
    }
    return new FileSeries([...opened.values()].reverse(), since)
  }

  get files(): number {
    return this.#files.length
  }

  /** Compressed size in bytes. */
  get size(): number {
    return this.#files.reduce((sum, { size }) => sum + size, 0)
  }

  /** Number of compressed bytes that the current pass has read. */
  get bytesRead(): number {
    return this.#bytesDone + (this.#current?.bytesRead ?? 0)
  }

  /** Number of files that the last pass could not read to the end. */
  get damaged(): number {
    return this.#damaged
  }

  /** True if the last pass read a file that was not closed, or is damaged. */
  get isTruncated(): boolean {
    return this.#isTruncated || this.#damaged > 0
  }

  /** Reads the decompressed lines from the start, in chunks of whole lines. Passes must not overlap. */
  lines(chunkSize = CHUNK_SIZE): AsyncGenerator<Buffer> {
    this.#bytesDone = 0
    this.#current = undefined
    this.#damaged = 0
    this.#isTruncated = false
    return this.#lines(chunkSize)
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ handle }) => handle.close()))
  }

  async *#lines(chunkSize: number): AsyncGenerator<Buffer> {
    for (const file of this.#files) {
      /** The start of an incomplete line. The last line may not be fully written yet. */
      let rest: Buffer = Buffer.alloc(0)
      for await (const piece of this.#decompressed(file, chunkSize)) {
        const end = lastLineEnd(piece)
        if (end === 0) {
          if (rest.length + piece.length > MAX_LINE) {
            this.#damaged++
            break
          }
          rest = Buffer.concat([rest, piece])
        } else {
          yield* linesSince(Buffer.concat([rest, piece.subarray(0, end)]), this.#since)
          rest = piece.subarray(end)
        }
      }
    }
  }

  async *#decompressed({ handle, size }: OpenFile, chunkSize: number): AsyncGenerator<Buffer> {
    const compressed = handle.createReadStream({
      start: 0,
      end: size - 1,
      autoClose: false,
      highWaterMark: chunkSize,
    })
    this.#current = compressed
    const gunzip = createGunzip({ chunkSize })
    // The reader of gunzip gets the error.
    const piped = pipeline(compressed, gunzip).catch(() => {})
    try {
      for await (const piece of gunzip) yield piece as Buffer
    } catch (error) {
      // A file that is still being written is incomplete, not damaged.
      if ((error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') this.#isTruncated = true
      else this.#damaged++
    } finally {
      gunzip.destroy()
      await piped
    }
    this.#bytesDone += size
    this.#current = undefined
  }
}

/** Yields the lines that are not earlier than `since`, in as few slices as possible. */
function* linesSince(lines: Buffer, since: number | undefined): Generator<Buffer> {
  if (since === undefined) return yield lines
  /** Start of the pending slice. */
  let from = 0
  for (let at = 0; at < lines.length; ) {
    const end = lineEnd(lines, at)
    if ((timeOf(lines, at) ?? since) < since) {
      if (from < at) yield lines.subarray(from, at)
      from = end
    }
    at = end
  }
  if (from < lines.length) yield lines.subarray(from)
}

async function openIfExists(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
