import type { Readable } from 'node:stream'
import { openBytes, type TraceBytes } from './byte-source.js'
import { CombinedLogReader, looksLikeCombinedLog } from './combined-log.js'
import { CsvReader } from './csv.js'
import { isRecord, JsonLinesReader, looksLikeJson } from './json-lines.js'
import type { LineReader } from './line-reader.js'
import { MAX_LINE_LENGTH, wholeLines } from './lines.js'
import { ReorderBuffer } from './reorder-buffer.js'
import { SenderIds } from './sender-ids.js'
import { Timestamps, type TimeUnit } from './timestamps.js'
import { readMapping } from './trace-columns.js'
import { BadLineError, TraceError, type TraceRequest } from './trace-request.js'

export const TRACE_FORMATS = ['csv', 'jsonl', 'combined'] as const
export type TraceFormat = (typeof TRACE_FORMATS)[number]

export interface TraceOptions {
  /**
   * Default: detected from the first line. The Azure traces are `csv`; a gateway record is `jsonl`.
   */
  readonly format?: TraceFormat | undefined
  /** Maps fields to columns that do not have a common name: `time=ts:ms,client=user`. */
  readonly columns?: string | undefined
  /**
   * Maximum time by which lines may be out of order, in milliseconds. Default: five minutes for
   * access logs and gateway records, one second otherwise.
   */
  readonly reorder?: number | undefined
}

/** How a trace was read. */
export interface TraceReading {
  readonly format: TraceFormat
  /** Unit of numeric times; null if times are dates. */
  readonly timeUnit: TimeUnit | null
  /** Lines, including those without a request. */
  readonly lines: number
  /** Requests read. */
  readonly requests: number
  readonly bad: BadLines
  /** Requests that were out of order by more than the window and were replayed late. */
  readonly late: number
  /** Largest delay of a late request, in milliseconds. */
  readonly latest: number
  /** True if a compressed file is incomplete. */
  readonly truncated: boolean
}

interface BadLines {
  readonly count: number
  /** The first bad lines. */
  readonly first: readonly { readonly line: number; readonly problem: string }[]
}

/**
 * Default reordering windows. A log is written when requests end, so a line is late by the duration
 * of its request.
 */
const LOG_REORDER_MS = 300_000
const DEFAULT_REORDER_MS = 1000
/** Maximum number of bad lines listed in the report. */
const MAX_SHOWN = 10
const RETURN = 13
/** Lines per batch of requests. A small batch leaves little work to the garbage collector. */
const LINES_PER_BATCH = 128

/** Number of bad lines before the first good one at which the trace is rejected. */
const MAX_INITIAL_BAD_LINES = 100

/** State of reading a trace whose format is known. */
interface TraceReader {
  readonly reader: LineReader
  readonly timestamps: Timestamps
  readonly buffer: ReorderBuffer
}

/** A trace, read once from beginning to end. */
export class Trace {
  readonly #bytes: TraceBytes
  readonly #options: TraceOptions
  /** Senders of its requests. */
  readonly senders = new SenderIds()
  #reader: TraceReader | undefined
  readonly #bad: { line: number; problem: string }[] = []
  #badCount = 0
  #lines = 0
  #requests = 0
  #format: TraceFormat | undefined

  private constructor(bytes: TraceBytes, options: TraceOptions) {
    this.#bytes = bytes
    this.#options = options
    this.#format = options.format
  }

  /** Opens a trace. @throws TraceError if the file cannot be read */
  static async open(source: string | Readable, options: TraceOptions): Promise<Trace> {
    return new Trace(await openBytes(source), options)
  }

  /** Milliseconds since the epoch at time 0 of the trace. Known after the first request. */
  get origin(): number {
    return this.#reader?.timestamps.origin ?? 0
  }

  /** Fraction that was read, from 0 to 1; undefined if the size is unknown. */
  get progress(): number | undefined {
    const { size, done } = this.#bytes
    return size === undefined ? undefined : Math.min(1, done / Math.max(1, size))
  }

  get reading(): TraceReading {
    return {
      format: this.#format ?? 'csv',
      timeUnit: this.#reader?.timestamps.unit ?? null,
      lines: this.#lines,
      requests: this.#requests,
      bad: { count: this.#badCount, first: this.#bad },
      late: this.#reader?.buffer.late ?? 0,
      latest: this.#reader?.buffer.worst ?? 0,
      truncated: this.#bytes.truncated,
    }
  }

  /**
   * Yields the requests in order of time, in batches.
   *
   * @throws TraceError if the file is not a trace
   */
  async *requests(): AsyncGenerator<readonly TraceRequest[]> {
    for await (const text of wholeLines(this.#bytes.chunks())) {
      for (let from = 0; from < text.length; ) {
        const newline = text.indexOf('\n', from)
        const end = newline < 0 ? text.length : newline
        this.#read(text, from, text.charCodeAt(end - 1) === RETURN ? end - 1 : end)
        from = end + 1
        if (this.#lines % LINES_PER_BATCH === 0 && this.#reader !== undefined)
          yield this.#reader.buffer.ready()
      }
      if (this.#reader !== undefined) yield this.#reader.buffer.ready()
    }
    if (this.#reader !== undefined) this.#end(this.#reader)
    if (this.#reader === undefined || this.#requests === 0) throw this.#notATrace()
    yield this.#reader.buffer.rest()
  }

  /** Creates the reader from the first line that is not blank. */
  #open(first: string): TraceReader {
    this.#format ??= formatOf(first)
    const isLog = this.#format === 'combined' || isRecord(first)
    const reorder = this.#options.reorder ?? (isLog ? LOG_REORDER_MS : DEFAULT_REORDER_MS)
    const timestamps = new Timestamps(reorder)
    return {
      reader: this.#readerFor(this.#format, timestamps),
      timestamps,
      buffer: new ReorderBuffer(reorder),
    }
  }

  #readerFor(format: TraceFormat, timestamps: Timestamps): LineReader {
    const mapping = readMapping(this.#options.columns ?? '')
    if (format === 'csv') return new CsvReader(mapping, timestamps, this.senders)
    if (format === 'jsonl') return new JsonLinesReader(mapping, timestamps, this.senders)
    if (mapping.length > 0) throw new TraceError('an access log has fixed columns; remove --columns')
    return new CombinedLogReader(timestamps, this.senders)
  }

  #read(text: string, from: number, to: number): void {
    this.#lines++
    if (this.#reader === undefined) {
      const line = text.slice(from, to)
      if (line.trim() === '') return
      this.#reader = this.#open(line)
    }
    const { reader, buffer } = this.#reader
    try {
      if (to - from > MAX_LINE_LENGTH) throw new BadLineError(`longer than ${MAX_LINE_LENGTH} characters`)
      const request = reader.read(text, from, to)
      if (request === undefined) return
      this.#requests++
      buffer.push(request)
    } catch (error) {
      this.#noteBad(error)
    }
  }

  #end({ reader }: TraceReader): void {
    try {
      reader.end?.()
    } catch (error) {
      this.#noteBad(error)
    }
  }

  #noteBad(error: unknown): void {
    if (!(error instanceof BadLineError)) throw error
    this.#badCount++
    if (this.#bad.length < MAX_SHOWN) this.#bad.push({ line: this.#lines, problem: error.message })
    if (this.#requests === 0 && this.#badCount >= MAX_INITIAL_BAD_LINES) throw this.#notATrace()
  }

  #notATrace(): TraceError {
    const [first] = this.#bad
    if (first === undefined) return new TraceError('the trace contains no requests')
    return new TraceError(
      `not a trace in the format ${this.#format}: line ${first.line}: ${first.problem}; choose another --format, or map the columns with --columns`,
    )
  }
}

function formatOf(line: string): TraceFormat {
  if (looksLikeJson(line)) return 'jsonl'
  return looksLikeCombinedLog(line) ? 'combined' : 'csv'
}
