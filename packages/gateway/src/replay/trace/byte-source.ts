import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { RecordSnapshot } from '../record/snapshot.js'
import { findRecord } from '../record/worker-files.js'
import { TraceError } from './trace-request.js'

/**
 * Bytes read at a time. Chunks are small enough for their objects to die before a garbage
 * collection moves them.
 */
const CHUNK_SIZE = 2 ** 16

/** The bytes of a trace. */
export interface TraceBytes {
  /** Stored size in bytes; undefined if unknown. */
  readonly size: number | undefined
  /** Bytes read so far. */
  readonly done: number
  /** True if compressed data ended prematurely. */
  readonly truncated: boolean
  /** Yields the bytes, decompressed if needed. */
  chunks(): AsyncGenerator<Uint8Array>
}

/**
 * Opens a file or a stream. Gzip is detected by its first bytes and decompressed. If workers
 * recorded to files beside the file, all files of the record are merged.
 *
 * @throws TraceError if the file cannot be read
 */
export async function openBytes(source: string | Readable): Promise<TraceBytes> {
  if (typeof source !== 'string') return new ByteSource(source, undefined)
  const [, ...workers] = await findRecord(source)
  if (workers.length > 0) return new RecordBytes(source)
  const size = await sizeOf(source)
  return new ByteSource(createReadStream(source, { highWaterMark: CHUNK_SIZE }), size)
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const stats = await stat(file)
    if (stats.isDirectory()) throw new TraceError(`${file} is a directory, not a file`)
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    if (error instanceof TraceError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new TraceError(code === 'ENOENT' ? `${file} does not exist` : `${file} cannot be read: ${message}`)
  }
}

/** The record of a gateway with workers. */
class RecordBytes implements TraceBytes {
  #snapshot: RecordSnapshot | undefined

  constructor(private readonly file: string) {}

  get size(): number | undefined {
    return this.#snapshot?.size
  }

  get done(): number {
    return this.#snapshot?.bytesRead ?? 0
  }

  get truncated(): boolean {
    return this.#snapshot?.isTruncated ?? false
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { file } = this
    const snapshot = await RecordSnapshot.take({ file }).catch((error: Error) => {
      throw new TraceError(`the record ${file} cannot be read: ${error.message}`)
    })
    this.#snapshot = snapshot
    try {
      yield* snapshot.lines()
    } finally {
      await snapshot.close()
    }
  }
}

class ByteSource implements TraceBytes {
  done = 0
  truncated = false

  constructor(
    private readonly stream: Readable,
    readonly size: number | undefined,
  ) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    const counted = this.#counted()
    try {
      const first = await firstBytes(counted)
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
    for await (const chunk of this.stream) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
      this.done += bytes.length
      yield bytes
    }
  }

  async *#decompressed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const gunzip = createGunzip({ chunkSize: CHUNK_SIZE })
    // Errors surface in the reading loop.
    const piped = pipeline(chunks, gunzip).catch(() => {})
    try {
      for await (const chunk of gunzip) yield chunk as Uint8Array
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A file that is still being written ends prematurely.
      if (code !== 'Z_BUF_ERROR')
        throw new TraceError(`the trace cannot be decompressed: ${(error as Error).message}`)
      this.truncated = true
    } finally {
      gunzip.destroy()
      // Without this, an early return would wait for input that may never arrive.
      this.stream.destroy()
      await piped
    }
  }
}

/**
 * Reads at least two bytes, which identify gzip, unless the input is shorter. A pipe may deliver
 * one byte at a time.
 */
async function firstBytes(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let all: Uint8Array = new Uint8Array()
  while (all.length < 2) {
    const { done, value } = await chunks.next()
    if (done) break
    all = Buffer.concat([all, value])
  }
  return all
}
