import type { ReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { RecordConfig } from '../../../policy/config/config.js'

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
const NEWLINE = 10
const COMMA = 44
/** Start of the line of a request; the first line of a file differs. */
const TIME_PREFIX = '{"time":'

/**
 * The traffic recorded up to a point in time. It does not change while more is recorded and files
 * are rotated, so it can be read several times.
 */
export class RecordSnapshot {
  /** Oldest first. */
  readonly #files: readonly OpenFile[]
  readonly #since: number | undefined
  #bytesDone = 0
  #current: ReadStream | undefined
  #damaged = 0

  private constructor(files: readonly OpenFile[], since: number | undefined) {
    this.#files = files
    this.#since = since
  }

  /**
   * Opens the files of the record.
   *
   * @param since epoch milliseconds; earlier requests are skipped
   */
  static async take(
    { file, files }: Pick<RecordConfig, 'file' | 'files'>,
    since?: number,
  ): Promise<RecordSnapshot> {
    const opened = new Map<number, OpenFile>()
    // Newest first, so that a file that is rotated in the meantime is seen twice rather than
    // missed.
    for (let number = 0; number < files; number++) {
      const handle = await openIfExists(number === 0 ? file : `${file}.${number}`)
      if (handle === undefined) continue
      const { ino, size, mtimeMs } = await handle.stat()
      if (opened.has(ino) || size === 0 || mtimeMs + CLOCK_SKEW_MS < (since ?? 0)) await handle.close()
      else opened.set(ino, { handle, size })
    }
    return new RecordSnapshot([...opened.values()].reverse(), since)
  }

  get files(): number {
    return this.#files.length
  }

  /** Compressed size in bytes. */
  get size(): number {
    return this.#files.reduce((sum, { size }) => sum + size, 0)
  }

  /** The fraction of the record that the current pass has read so far, from 0 to 1. */
  get part(): number {
    return (this.#bytesDone + (this.#current?.bytesRead ?? 0)) / Math.max(1, this.size)
  }

  /** Number of files that the last pass could not read to the end. */
  get damaged(): number {
    return this.#damaged
  }

  /** Reads the decompressed lines from the start. Passes must not overlap. */
  read(): Readable {
    this.#bytesDone = 0
    this.#current = undefined
    this.#damaged = 0
    return Readable.from(this.#lines())
  }

  /** Epoch milliseconds of the first request; undefined if there is none. */
  async firstRequestTime(): Promise<number | undefined> {
    for await (const lines of this.read())
      for (let at = 0; at < lines.length; at = lines.indexOf(NEWLINE, at) + 1) {
        const time = timeOf(lines, at)
        if (time !== undefined) return time
      }
    return undefined
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ handle }) => handle.close()))
  }

  async *#lines(): AsyncGenerator<Buffer> {
    for (const file of this.#files) {
      /** The start of an incomplete line. The last line may not be fully written yet. */
      let rest: Buffer = Buffer.alloc(0)
      for await (const piece of this.#decompressed(file)) {
        const end = piece.lastIndexOf(NEWLINE) + 1
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

  async *#decompressed({ handle, size }: OpenFile): AsyncGenerator<Buffer> {
    const compressed = handle.createReadStream({
      start: 0,
      end: size - 1,
      autoClose: false,
      highWaterMark: 2 ** 18,
    })
    this.#current = compressed
    const gunzip = createGunzip({ chunkSize: 2 ** 18 })
    // The reader of gunzip gets the error.
    const piped = pipeline(compressed, gunzip).catch(() => {})
    try {
      for await (const piece of gunzip) yield piece as Buffer
    } catch (error) {
      // A file that is still being written is incomplete, not damaged.
      if ((error as NodeJS.ErrnoException).code !== 'Z_BUF_ERROR') this.#damaged++
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
    const end = lines.indexOf(NEWLINE, at) + 1
    if ((timeOf(lines, at) ?? since) < since) {
      if (from < at) yield lines.subarray(from, at)
      from = end
    }
    at = end
  }
  if (from < lines.length) yield lines.subarray(from)
}

/** Returns the time of the request in a line; undefined if the line is not a request. */
function timeOf(lines: Buffer, at: number): number | undefined {
  if (lines.toString('latin1', at, at + TIME_PREFIX.length) !== TIME_PREFIX) return undefined
  const start = at + TIME_PREFIX.length
  return Number(lines.toString('latin1', start, lines.indexOf(COMMA, start)))
}

async function openIfExists(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
