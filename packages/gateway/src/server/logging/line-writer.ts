import type { MaybePromise } from 'sluice'

/**
 * Writes as many bytes as there is room for and returns their number. Throws or rejects with the
 * system's error.
 */
export type Sink = (bytes: Buffer) => MaybePromise<number>

export interface LineWriterOptions {
  readonly sink: Sink
  /** Maximum number of bytes waiting to be written; further lines are dropped. Default: 1 MiB. */
  readonly maxWaitingBytes?: number
  /**
   * Maximum size of one write, in bytes, unless a line is longer. Default: 4096, which a pipe
   * accepts atomically.
   */
  readonly maxWriteBytes?: number
  /** Formats the line that reports dropped lines once there is room again. */
  readonly droppedLine?: (dropped: number) => string
  /** Called when writing begins to fail. */
  readonly onFailure?: (error: NodeJS.ErrnoException) => void
  /** Schedules a callback. Default: Node's timer, unreferenced. */
  readonly after?: (milliseconds: number, call: () => void) => void
}

const MAX_WAITING_BYTES = 2 ** 20
/**
 * PIPE_BUF on Linux. Up to this size, writes of several processes to a pipe are not interleaved.
 */
const MAX_WRITE_BYTES = 4096

/** The retry interval for a slow reader. */
const BUSY_RETRY_MS = 50
/** The retry interval for other failures, such as a full disk or a closed pipe. */
const FAILURE_RETRY_MS = 1000

/**
 * Writes lines in bounded memory without ever blocking on their reader. Lines that do not fit are
 * dropped and counted. One write runs at a time, and a failed write is retried.
 */
export class LineWriter {
  readonly #options: LineWriterOptions
  readonly #maxWaiting: number
  readonly #maxWrite: number
  readonly #after: NonNullable<LineWriterOptions['after']>
  #lines: Buffer[] = []
  #waitingBytes = 0
  /** The rest of a write that was only partly accepted. */
  #rest: Buffer | undefined
  #isBusy = false
  #hasFailed = false
  #dropped = 0
  #reported = 0
  readonly #pendingFlushes: (() => void)[] = []

  constructor(options: LineWriterOptions) {
    this.#options = options
    this.#maxWaiting = options.maxWaitingBytes ?? MAX_WAITING_BYTES
    this.#maxWrite = options.maxWriteBytes ?? MAX_WRITE_BYTES
    this.#after = options.after ?? ((milliseconds, call) => void setTimeout(call, milliseconds).unref())
  }

  /** Number of lines dropped so far. */
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

  /**
   * Waits until all lines are written, a write fails or the timeout expires.
   *
   * @returns whether all lines are written
   */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#isEmpty || this.#hasFailed) return this.#isEmpty
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([new Promise<void>((resolve) => this.#pendingFlushes.push(resolve)), expired])
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

  /**
   * Writes the waiting lines. Stays synchronous as long as the sink does, so that lines written
   * just before the process exits are not lost.
   */
  #pump(): void | Promise<void> {
    this.#isBusy = true
    while (this.#waitingBytes > 0) {
      const bytes = this.#rest ?? this.#next()
      this.#rest = bytes
      try {
        const written = this.#options.sink(bytes)
        if (written instanceof Promise) return this.#pumpAfter(bytes, written)
        this.#onWritten(bytes, written)
      } catch (error) {
        return this.#retry(error as NodeJS.ErrnoException)
      }
    }
    this.#isBusy = false
    this.#endFlushes()
  }

  async #pumpAfter(bytes: Buffer, written: Promise<number>): Promise<void> {
    try {
      this.#onWritten(bytes, await written)
    } catch (error) {
      this.#retry(error as NodeJS.ErrnoException)
      return
    }
    return this.#pump()
  }

  #onWritten(bytes: Buffer, written: number): void {
    this.#hasFailed = false
    this.#waitingBytes -= written
    this.#rest = written < bytes.length ? bytes.subarray(written) : undefined
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
    for (const end of this.#pendingFlushes.splice(0)) end()
  }

  /** Removes and returns the next lines, as many as fit into one write. */
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
