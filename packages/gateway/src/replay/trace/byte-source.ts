import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { TraceError } from './trace-request.js'

/** Bytes that are read at a time: what is made of them is gone before the garbage collector comes to move it. */
const PIECE = 2 ** 16

/** The bytes of a trace. */
export interface TraceBytes {
  /** In how many bytes it is stored; undefined where that is not known. */
  readonly size: number | undefined
  /** How many of them have been read so far. */
  readonly done: number
  /** Whether they were compressed and ended before their end: what could be read was read. */
  readonly truncated: boolean
  /** Decompressed, where they are. */
  pieces(): AsyncGenerator<Uint8Array>
}

/**
 * Opens a file, or what comes in on a stream. What begins as gzip does is decompressed.
 *
 * @throws TraceError where there is no such file.
 */
export async function openBytes(source: string | Readable): Promise<TraceBytes> {
  if (typeof source !== 'string') return new Bytes(source, undefined)
  const size = await sizeOf(source)
  return new Bytes(createReadStream(source, { highWaterMark: PIECE }), size)
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const about = await stat(file)
    if (about.isDirectory()) throw new TraceError(`${file} is a directory; name the file in it`)
    return about.isFile() ? about.size : undefined
  } catch (error) {
    if (error instanceof TraceError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new TraceError(code === 'ENOENT' ? `${file} does not exist` : `${file} cannot be read: ${message}`)
  }
}

class Bytes implements TraceBytes {
  done = 0
  truncated = false

  constructor(
    private readonly stream: Readable,
    readonly size: number | undefined,
  ) {}

  async *pieces(): AsyncGenerator<Uint8Array> {
    const counted = this.#counted()
    try {
      const first = await beginning(counted)
      const [one, two] = first
      const all = (async function* () {
        yield first
        yield* counted
      })()
      if (one === 0x1f && two === 0x8b) yield* this.#decompressed(all)
      else yield* all
    } finally {
      this.stream.destroy()
    }
  }

  async *#counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.stream) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : (piece as Uint8Array)
      this.done += bytes.length
      yield bytes
    }
  }

  async *#decompressed(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const gunzip = createGunzip({ chunkSize: PIECE })
    // What goes wrong is seen by whoever reads.
    const fed = pipeline(pieces, gunzip).catch(() => {})
    try {
      for await (const piece of gunzip) yield piece as Uint8Array
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A file that is still being written has no end yet.
      if (code !== 'Z_BUF_ERROR')
        throw new TraceError(`it cannot be decompressed: ${(error as Error).message}`)
      this.truncated = true
    } finally {
      gunzip.destroy()
      // Where no more is wanted, nothing is waited for that may never come.
      this.stream.destroy()
      await fed
    }
  }
}

/** What comes first: as much as tells whether it is compressed, where there is so much. A pipe may give less at once. */
async function beginning(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let all: Uint8Array = new Uint8Array()
  while (all.length < 2) {
    const { done, value } = await pieces.next()
    if (done) break
    all = Buffer.concat([all, value])
  }
  return all
}
