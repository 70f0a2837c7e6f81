import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { constants, createGzip, type Gzip } from 'node:zlib'
import type { RecordConfig } from '../../../policy/config/config.js'
import { kindOf, READ_TIMEOUT_MS, within } from '../../../policy/config/files/bounded-read.js'
import { END, isComplete, repairRecord } from './repair-record.js'

/** How often what was written can be read by others, in milliseconds. */
const FLUSH_INTERVAL = 1000
/** Lines that wait to be written, in characters; those beyond are dropped. */
const MAX_WAITING = 4 * 2 ** 20

interface Open {
  readonly gzip: Gzip
  readonly out: WriteStream
}

interface RecordFileOptions extends RecordConfig {
  /** The first line of each file. */
  readonly head: string
  readonly onError: (error: unknown) => void
}

/**
 * A compressed file that lines are appended to. At its largest size it becomes `FILE.1`, that one `FILE.2` and so on, and the last is
 * removed. A disk that does not keep up, or fails, costs lines and hinders nobody.
 */
export class RotatingFile {
  readonly #options: RecordFileOptions
  #open: Open | undefined
  /** Bytes of the file before this process appended to it. */
  #before = 0
  #waiting = ''
  #work: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #dropped = 0

  constructor(options: RecordFileOptions) {
    this.#options = options
  }

  /** Lines that were not written, since the disk did not keep up or failed. */
  get dropped(): number {
    return this.#dropped
  }

  append(line: string): void {
    if (this.#waiting.length + line.length > MAX_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting += `${line}\n`
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL).unref()
  }

  /** Resolves once all that was appended before can be read. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    return this.#then(async () => {
      const text = this.#waiting
      this.#waiting = ''
      if (text === '') return
      const { gzip, out } = await this.#opened()
      gzip.write(text)
      await written(gzip, out)
      if (this.#size >= this.#options.maxSize) await this.#rotate()
    })
  }

  /** Writes the rest and closes the file. A disk that hangs is not waited for longer than a file may take to be read. */
  async close(): Promise<void> {
    const closed = this.flush().then(() => this.#then(() => this.#end()))
    await within(READ_TIMEOUT_MS, closed).catch((error) => this.#options.onError(error))
  }

  get #size(): number {
    return this.#before + (this.#open?.out.bytesWritten ?? 0)
  }

  /** One thing after the other; what fails is told, and the next begins anew. */
  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => {
      this.#open?.gzip.destroy()
      this.#open?.out.destroy()
      this.#open = undefined
      this.#dropped++
      this.#options.onError(error)
    })
    return this.#work
  }

  async #opened(): Promise<Open> {
    if (this.#open !== undefined) return this.#open
    const { file } = this.#options
    await rejectPipes(file)
    if ((await sizeOf(file)) > 0 && !(await isComplete(file))) await this.#repairRecord()
    this.#before = await sizeOf(file)
    // A file of a gateway that ran before is gone on with: gzip may have several members.
    const out = createWriteStream(file, { flags: 'a', mode: 0o600 })
    await once(out, 'open')
    const gzip = createGzip()
    // Whoever waits for a flush is told by the error of the stream itself.
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
    // After a failure of the disk, which was told when it came.
    if (open.gzip.destroyed) return
    const ended = once(open.gzip, 'end')
    open.gzip.end()
    await ended
    open.out.end(END)
    await once(open.out, 'close')
  }

  /**
   * What cannot be mended is kept, and gone on with in another file. Where it is the disk that fails, the file stays where it is: if it made way each
   * time, a disk that is full for some seconds would cost all that was recorded.
   */
  async #repairRecord(): Promise<void> {
    if (!(await repairRecord(this.#options.file))) await this.#makeWay()
  }

  async #rotate(): Promise<void> {
    await this.#end()
    await this.#makeWay()
  }

  async #makeWay(): Promise<void> {
    const { file, files } = this.#options
    const numbered = (number: number) => (number === 0 ? file : `${file}.${number}`)
    await rm(numbered(files - 1), { force: true })
    for (let number = files - 2; number >= 0; number--)
      await renameIfThere(numbered(number), numbered(number + 1))
  }
}

/** Resolves once all that was compressed so far is in the file. */
async function written(gzip: Gzip, out: WriteStream): Promise<void> {
  await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, () => resolve()))
  // It is on its way: an empty piece behind it tells when it is there.
  const passed = () =>
    new Promise<void>((resolve, reject) => {
      out.write('', (error) => (error ? reject(out.errored ?? error) : resolve()))
    })
  do await passed()
  while (gzip.readableLength > 0)
}

/** @throws Error for a pipe, whose opening would wait for a reader, and for what else no lines can be appended to. */
async function rejectPipes(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  const kind = found && kindOf(found)
  if (kind !== undefined && kind !== 'a device')
    throw new Error(`cannot record to ${file}: this is ${kind}, not a file`)
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch {
    return 0
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
