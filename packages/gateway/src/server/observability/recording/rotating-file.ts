import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { constants, createGzip, type Gzip } from 'node:zlib'
import type { RecordConfig } from '../../../policy/config/config.js'
import { kindOf, READ_TIMEOUT_MS, withTimeout } from '../../../policy/config/files/bounded-read.js'
import { END_MARKER, isComplete, repairRecord } from './repair-record.js'

/** Interval at which written lines become readable, in milliseconds. */
const FLUSH_INTERVAL_MS = 1000
/** Maximum number of characters waiting to be written; further lines are dropped. */
const MAX_PENDING = 4 * 2 ** 20

interface OpenStreams {
  readonly gzip: Gzip
  readonly out: WriteStream
}

interface RotatingFileOptions extends RecordConfig {
  /** The first line of each file. */
  readonly head: string
  readonly onError: (error: unknown) => void
}

/**
 * A gzip file to which lines are appended. At its maximum size it is renamed to `FILE.1`, `FILE.1`
 * to `FILE.2` and so on, and the last file is removed. If the disk is too slow or fails, lines are
 * dropped, but requests are never blocked.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  #open: OpenStreams | undefined
  /** Size of the file when it was opened, in bytes. */
  #initialSize = 0
  #pending = ''
  /** The number of lines in `#pending`. */
  #pendingLines = 0
  #work: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #dropped = 0

  constructor(options: RotatingFileOptions) {
    this.#options = options
  }

  /** Number of lines that were not written because the disk was too slow or failed. */
  get dropped(): number {
    return this.#dropped
  }

  append(line: string): void {
    if (this.#pending.length + line.length > MAX_PENDING) {
      this.#dropped++
      return
    }
    this.#pending += `${line}\n`
    this.#pendingLines++
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL_MS).unref()
  }

  /** Resolves once all lines appended before the call are readable. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    return this.#enqueue(async () => {
      const lines = this.#pending
      const count = this.#pendingLines
      this.#pending = ''
      this.#pendingLines = 0
      if (lines === '') return
      try {
        const { gzip, out } = await this.#openFile()
        gzip.write(lines)
        await flushToFile(gzip, out)
      } catch (error) {
        this.#dropped += count
        throw error
      }
      if (this.#size >= this.#options.maxSize) await this.#rotate()
    })
  }

  /** Writes the pending lines and closes the file; gives up after a timeout if the disk hangs. */
  async close(): Promise<void> {
    const closed = this.flush().then(() => this.#enqueue(() => this.#end()))
    await withTimeout(READ_TIMEOUT_MS, closed).catch((error) => this.#options.onError(error))
  }

  get #size(): number {
    return this.#initialSize + (this.#open?.out.bytesWritten ?? 0)
  }

  /** Runs tasks one after the other. A failure is reported, and the next task reopens the file. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => {
      this.#open?.gzip.destroy()
      this.#open?.out.destroy()
      this.#open = undefined
      this.#options.onError(error)
    })
    return this.#work
  }

  async #openFile(): Promise<OpenStreams> {
    if (this.#open !== undefined) return this.#open
    const { file } = this.#options
    await requireFile(file)
    if ((await sizeOf(file)) > 0 && !(await isComplete(file))) await this.#repairRecord()
    this.#initialSize = await sizeOf(file)
    // Appends to an existing file: a gzip file may have several members.
    const out = createWriteStream(file, { flags: 'a', mode: 0o600 })
    await once(out, 'open')
    const gzip = createGzip()
    // Callers of `flush` get the error from the stream itself.
    out.on('error', (error) => gzip.destroy(error))
    gzip.on('error', () => {})
    gzip.pipe(out, { end: false })
    gzip.write(`${this.#options.head}\n`)
    this.#open = { gzip, out }
    return this.#open
  }

  async #end(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    // The disk failed, which was already reported.
    if (open.gzip.destroyed) return
    const ended = once(open.gzip, 'end')
    open.gzip.end()
    await ended
    open.out.end(END_MARKER)
    await once(open.out, 'close')
  }

  /**
   * Repairs the file, or rotates it if part of it cannot be read. If the disk fails, the file stays
   * in place: rotating at each failure would delete the record while the disk is full.
   */
  async #repairRecord(): Promise<void> {
    if (!(await repairRecord(this.#options.file))) await this.#shiftFiles()
  }

  async #rotate(): Promise<void> {
    await this.#end()
    await this.#shiftFiles()
  }

  async #shiftFiles(): Promise<void> {
    const { file, files } = this.#options
    const numbered = (number: number) => (number === 0 ? file : `${file}.${number}`)
    await rm(numbered(files - 1), { force: true })
    for (let number = files - 2; number >= 0; number--)
      await renameIfExists(numbered(number), numbered(number + 1))
  }
}

/** Flushes the compressor, and resolves once all data is in the file. */
async function flushToFile(gzip: Gzip, out: WriteStream): Promise<void> {
  await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, () => resolve()))
  // The data may still be in the pipe. An empty write is queued behind the data, and its callback
  // reports that the data has arrived.
  const drained = () =>
    new Promise<void>((resolve, reject) => {
      out.write('', (error) => (error ? reject(out.errored ?? error) : resolve()))
    })
  do await drained()
  while (gzip.readableLength > 0)
}

/**
 * Rejects a path to which lines cannot be appended, such as a pipe, which opens only once it has a
 * reader.
 *
 * @throws Error if the path exists and is neither a file nor a device
 */
async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  const kind = found && kindOf(found)
  if (kind !== undefined && kind !== 'a device')
    throw new Error(`cannot record to ${file}: it is ${kind}, not a file`)
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch {
    return 0
  }
}

async function renameIfExists(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
