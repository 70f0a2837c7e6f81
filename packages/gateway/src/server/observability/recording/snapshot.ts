import type { ReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { RecordConfig } from '../../../policy/config/config.js'

interface HeldFile {
  readonly handle: FileHandle
  /** Bytes that were written when it was opened. */
  readonly size: number
}

/** By how many milliseconds the clock of files and that of the record may differ. */
const CLOCKS_APART = 60_000
/** In bytes. What is longer nobody recorded: it is another file, and may decompress to anything. */
const MAX_LINE = 2 ** 20
const NEWLINE = 10
const COMMA = 44
/** How a line of a request begins; the first line of a file begins otherwise. */
const TIME = '{"time":'

/**
 * What was recorded up to now. It stays as it is while more is recorded and files are rotated, so that it can be read several times.
 */
export class RecordSnapshot {
  /** The oldest first. */
  readonly #files: readonly HeldFile[]
  readonly #since: number | undefined
  #done = 0
  #reading: ReadStream | undefined
  #damaged = 0

  private constructor(files: readonly HeldFile[], since: number | undefined) {
    this.#files = files
    this.#since = since
  }

  /** @param since epoch milliseconds: what came before is left out, and files that end before are not read */
  static async take(
    { file, files }: Pick<RecordConfig, 'file' | 'files'>,
    since?: number,
  ): Promise<RecordSnapshot> {
    const held = new Map<number, HeldFile>()
    // The newest first: a file that is renamed meanwhile is met twice, and not missed.
    for (let number = 0; number < files; number++) {
      const handle = await openIfThere(number === 0 ? file : `${file}.${number}`)
      if (handle === undefined) continue
      const { ino, size, mtimeMs } = await handle.stat()
      if (held.has(ino) || size === 0 || mtimeMs + CLOCKS_APART < (since ?? 0)) await handle.close()
      else held.set(ino, { handle, size })
    }
    return new RecordSnapshot([...held.values()].reverse(), since)
  }

  get files(): number {
    return this.#files.length
  }

  /** Bytes that are read, compressed. */
  get size(): number {
    return this.#files.reduce((sum, { size }) => sum + size, 0)
  }

  /** How much of it the last reading has read, from 0 to 1. */
  get part(): number {
    return (this.#done + (this.#reading?.bytesRead ?? 0)) / Math.max(1, this.size)
  }

  /** Files that the last reading could not read to their end. */
  get damaged(): number {
    return this.#damaged
  }

  /** Its lines, decompressed, from the beginning. One reading ends before the next begins. */
  read(): Readable {
    this.#done = 0
    this.#reading = undefined
    this.#damaged = 0
    return Readable.from(this.#lines())
  }

  /** Epoch milliseconds at which its first request came; undefined where there is none. */
  async begins(): Promise<number | undefined> {
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
      /** What has come of a line. What is never completed was being written. */
      let rest: Buffer = Buffer.alloc(0)
      for await (const piece of this.#decompressed(file)) {
        const whole = piece.lastIndexOf(NEWLINE) + 1
        if (whole === 0) {
          if (rest.length + piece.length > MAX_LINE) {
            this.#damaged++
            break
          }
          rest = Buffer.concat([rest, piece])
        } else {
          yield* linesSince(Buffer.concat([rest, piece.subarray(0, whole)]), this.#since)
          rest = piece.subarray(whole)
        }
      }
    }
  }

  async *#decompressed({ handle, size }: HeldFile): AsyncGenerator<Buffer> {
    const stored = handle.createReadStream({
      start: 0,
      end: size - 1,
      autoClose: false,
      highWaterMark: 2 ** 18,
    })
    this.#reading = stored
    const gunzip = createGunzip({ chunkSize: 2 ** 18 })
    // What goes wrong is seen by whoever reads.
    const fed = pipeline(stored, gunzip).catch(() => {})
    try {
      for await (const piece of gunzip) yield piece as Buffer
    } catch (error) {
      // A file that is still being written has no end yet.
      if ((error as NodeJS.ErrnoException).code !== 'Z_BUF_ERROR') this.#damaged++
    } finally {
      gunzip.destroy()
      await fed
    }
    this.#done += size
    this.#reading = undefined
  }
}

/** Those of some whole lines that are not of before, as few pieces as it goes. */
function* linesSince(lines: Buffer, since: number | undefined): Generator<Buffer> {
  if (since === undefined) return yield lines
  /** Where what is kept begins. */
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

/** When the request of a line came; undefined where the line is of none. */
function timeOf(lines: Buffer, at: number): number | undefined {
  if (lines.toString('latin1', at, at + TIME.length) !== TIME) return undefined
  const begins = at + TIME.length
  return Number(lines.toString('latin1', begins, lines.indexOf(COMMA, begins)))
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
