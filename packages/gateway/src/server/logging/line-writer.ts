import type { MaybePromise } from 'sluice'

/** Writes as many of the bytes as there is room for, and returns how many; throws or rejects with what the system says. */
export type Sink = (bytes: Buffer) => MaybePromise<number>

export interface LineWriterOptions {
  readonly sink: Sink
  /** Bytes that wait to be written, at most; lines beyond are dropped. Default: 1 MiB. */
  readonly maxWaitingBytes?: number
  /** Bytes of one write, at most, unless a line is longer. Default: 4096, which a pipe takes whole or not at all. */
  readonly maxWriteBytes?: number
  /** The line that reports how many lines were dropped, once there is room again. */
  readonly droppedLine?: (dropped: number) => string
  /** Called once when writing fails, until it succeeds again. */
  readonly onFailure?: (error: NodeJS.ErrnoException) => void
  /** Default: Node's timer, which keeps no process alive. */
  readonly after?: (milliseconds: number, call: () => void) => void
}

const MAX_WAITING_BYTES = 2 ** 20
/** PIPE_BUF of Linux: writes of several processes to one pipe do not mix up to this size. */
const MAX_WRITE_BYTES = 4096

/** For a reader that is slow, and for a disk that is full or a pipe without a reader; in milliseconds. */
const BUSY_RETRY_MS = 50
const FAILURE_RETRY_MS = 1000

/**
 * Writes lines without ever waiting for whoever takes them, in bounded memory: lines for which there is no room are dropped
 * and counted. One write runs at a time; one that fails is tried again.
 */
export class LineWriter {
  readonly #options: LineWriterOptions
  readonly #maxWaiting: number
  readonly #maxWrite: number
  readonly #after: NonNullable<LineWriterOptions['after']>
  #lines: Buffer[] = []
  #waitingBytes = 0
  /** What remains of a write that was not taken whole. */
  #rest: Buffer | undefined
  #isBusy = false
  #hasFailed = false
  #dropped = 0
  #reported = 0
  readonly #flushes: (() => void)[] = []

  constructor(options: LineWriterOptions) {
    this.#options = options
    this.#maxWaiting = options.maxWaitingBytes ?? MAX_WAITING_BYTES
    this.#maxWrite = options.maxWriteBytes ?? MAX_WRITE_BYTES
    this.#after = options.after ?? ((milliseconds, call) => void setTimeout(call, milliseconds).unref())
  }

  /** Lines that were dropped since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** @param line with its newline */
  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#waitingBytes + bytes.length > this.#maxWaiting) {
      this.#dropped++
      return
    }
    this.#push(bytes)
    if (!this.#isBusy) void this.#pump()
  }

  /** Settles once all is written, writing fails or the time is over; with whether all is written. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#isEmpty || this.#hasFailed) return this.#isEmpty
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([new Promise<void>((resolve) => this.#flushes.push(resolve)), expired])
    clearTimeout(timer)
    return this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#waitingBytes === 0 && !this.#isBusy
  }

  #push(bytes: Buffer): void {
    this.#lines.push(bytes)
    this.#waitingBytes += bytes.length
  }

  /** Nothing is awaited where the sink answers at once, so that lines written before the process ends are not lost. */
  #pump(): void | Promise<void> {
    this.#isBusy = true
    while (this.#waitingBytes > 0) {
      const bytes = this.#rest ?? this.#next()
      this.#rest = bytes
      try {
        const taken = this.#options.sink(bytes)
        if (taken instanceof Promise) return this.#pumpAfter(bytes, taken)
        this.#took(bytes, taken)
      } catch (error) {
        return this.#retry(error as NodeJS.ErrnoException)
      }
    }
    this.#isBusy = false
    this.#endFlushes()
  }

  async #pumpAfter(bytes: Buffer, taken: Promise<number>): Promise<void> {
    try {
      this.#took(bytes, await taken)
    } catch (error) {
      this.#retry(error as NodeJS.ErrnoException)
      return
    }
    return this.#pump()
  }

  #took(bytes: Buffer, taken: number): void {
    this.#hasFailed = false
    this.#waitingBytes -= taken
    this.#rest = taken < bytes.length ? bytes.subarray(taken) : undefined
    const { droppedLine } = this.#options
    if (this.#rest !== undefined || droppedLine === undefined || this.#dropped === this.#reported) return
    const line = Buffer.from(droppedLine(this.#dropped - this.#reported))
    if (this.#waitingBytes + line.length > this.#maxWaiting) return
    this.#reported = this.#dropped
    this.#push(line)
  }

  #retry(error: NodeJS.ErrnoException): void {
    const isBusy = error.code === 'EAGAIN'
    if (!isBusy && !this.#hasFailed) {
      this.#hasFailed = true
      this.#options.onFailure?.(error)
      this.#endFlushes()
    }
    this.#after(isBusy ? BUSY_RETRY_MS : FAILURE_RETRY_MS, () => void this.#pump())
  }

  #endFlushes(): void {
    for (const end of this.#flushes.splice(0)) end()
  }

  /** The next lines, as many as go into one write. */
  #next(): Buffer {
    let count = 0
    let size = 0
    while (count < this.#lines.length) {
      const length = (this.#lines[count] as Buffer).length
      if (count > 0 && size + length > this.#maxWrite) break
      size += length
      count++
    }
    const lines = this.#lines.splice(0, count)
    return lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines, size)
  }
}
