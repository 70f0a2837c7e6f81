import type { Readable } from 'node:stream'
import { openBytes, type TraceBytes } from './byte-source.js'
import { CombinedLogReader, looksLikeCombinedLog } from './combined-log.js'
import { CsvReader } from './csv.js'
import { isRecord, JsonLinesReader, looksLikeJson } from './json-lines.js'
import type { LineReader } from './line-reader.js'
import { MAX_LINE, wholeLines } from './lines.js'
import { ReorderBuffer } from './reorder-buffer.js'
import { SenderIds } from './sender-ids.js'
import { Timestamps, type TimeUnit } from './timestamps.js'
import { readMapping } from './trace-columns.js'
import { BadLineError, TraceError, type TraceRequest } from './trace-request.js'

export const TRACE_FORMATS = ['csv', 'jsonl', 'combined'] as const
export type TraceFormat = (typeof TRACE_FORMATS)[number]

export interface TraceOptions {
  /** Default: by the first line. The Azure traces are `csv`, and the gateway's own record is `jsonl`. */
  readonly format?: TraceFormat | undefined
  /** Which column says what, where its name does not: `time=ts:ms,client=user`. */
  readonly columns?: string | undefined
  /** By how many milliseconds lines may be out of order. Default: five minutes of an access log or the gateway's record, else a second. */
  readonly reorder?: number | undefined
}

/** What is to be told of how a trace was read. */
export interface TraceReading {
  readonly format: TraceFormat
  /** The unit in which times that are plain numbers were read; null where times are dates. */
  readonly timeUnit: TimeUnit | null
  /** Lines, those without a request included. */
  readonly lines: number
  /** Requests that were read. */
  readonly requests: number
  readonly bad: BadLines
  /** Requests that were out of order by more than was allowed, and were played late. */
  readonly late: number
  /** By how much at most, in milliseconds. */
  readonly latest: number
  /** Whether a compressed file ended before its end. */
  readonly truncated: boolean
}

interface BadLines {
  readonly count: number
  /** The first of them. */
  readonly first: readonly { readonly line: number; readonly problem: string }[]
}

/** By how much lines may be out of order, in milliseconds: what is written when a request ends is so by as long as it took. */
const OF_LOGS = 300_000
const OF_OTHERS = 1000
/** Bad lines that are shown. */
const MAX_SHOWN = 10
const RETURN = 13
/** Lines that are read before their requests are handed on: so few that hardly one is still in use when the garbage collector comes by. */
const AT_A_TIME = 128

/** Where so many lines of a file were bad and none was good, the file is something else. */
const HOPELESS = 100

/** What reads a trace whose format is known. */
interface Begun {
  readonly reader: LineReader
  readonly moments: Timestamps
  readonly inOrder: ReorderBuffer
}

/** A trace that is read once, from its beginning to its end. */
export class Trace {
  readonly #bytes: TraceBytes
  readonly #options: TraceOptions
  /** Who sends its requests. */
  readonly senders = new SenderIds()
  #begun: Begun | undefined
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

  /** @throws TraceError where there is no such file. */
  static async open(source: string | Readable, options: TraceOptions): Promise<Trace> {
    return new Trace(await openBytes(source), options)
  }

  /** Milliseconds since the epoch at which its own time is 0. Known once the first request was read. */
  get origin(): number {
    return this.#begun?.moments.origin ?? 0
  }

  /** How much of it was read, from 0 to 1; undefined where its size is not known. */
  get progress(): number | undefined {
    const { size, done } = this.#bytes
    return size === undefined ? undefined : Math.min(1, done / Math.max(1, size))
  }

  get reading(): TraceReading {
    return {
      format: this.#format ?? 'csv',
      timeUnit: this.#begun?.moments.unit ?? null,
      lines: this.#lines,
      requests: this.#requests,
      bad: { count: this.#badCount, first: this.#bad },
      late: this.#begun?.inOrder.late ?? 0,
      latest: this.#begun?.inOrder.worst ?? 0,
      truncated: this.#bytes.truncated,
    }
  }

  /**
   * Its requests in order, many at a time.
   *
   * @throws TraceError for what is no trace.
   */
  async *requests(): AsyncGenerator<readonly TraceRequest[]> {
    for await (const text of wholeLines(this.#bytes.pieces())) {
      for (let from = 0; from < text.length; ) {
        const newline = text.indexOf('\n', from)
        const end = newline < 0 ? text.length : newline
        this.#read(text, from, text.charCodeAt(end - 1) === RETURN ? end - 1 : end)
        from = end + 1
        if (this.#lines % AT_A_TIME === 0 && this.#begun !== undefined) yield this.#begun.inOrder.ready()
      }
      if (this.#begun !== undefined) yield this.#begun.inOrder.ready()
    }
    if (this.#begun !== undefined) this.#end(this.#begun)
    if (this.#begun === undefined || this.#requests === 0) throw this.#hopeless()
    yield this.#begun.inOrder.rest()
  }

  /** Once the first line has come that says anything. */
  #begin(first: string): Begun {
    this.#format ??= formatOf(first)
    const isLog = this.#format === 'combined' || isRecord(first)
    const reorder = this.#options.reorder ?? (isLog ? OF_LOGS : OF_OTHERS)
    const moments = new Timestamps(reorder)
    return { reader: this.#readerFor(this.#format, moments), moments, inOrder: new ReorderBuffer(reorder) }
  }

  #readerFor(format: TraceFormat, moments: Timestamps): LineReader {
    const mapping = readMapping(this.#options.columns ?? '')
    if (format === 'csv') return new CsvReader(mapping, moments, this.senders)
    if (format === 'jsonl') return new JsonLinesReader(mapping, moments, this.senders)
    if (mapping.length > 0)
      throw new TraceError('the columns of an access log are known; it takes no mapping')
    return new CombinedLogReader(moments, this.senders)
  }

  #read(text: string, from: number, to: number): void {
    this.#lines++
    if (this.#begun === undefined) {
      const line = text.slice(from, to)
      if (line.trim() === '') return
      this.#begun = this.#begin(line)
    }
    const { reader, inOrder } = this.#begun
    try {
      if (to - from > MAX_LINE) throw new BadLineError(`it has more than ${MAX_LINE} characters`)
      const request = reader.read(text, from, to)
      if (request === undefined) return
      this.#requests++
      inOrder.push(request)
    } catch (error) {
      this.#noteBad(error)
    }
  }

  #end({ reader }: Begun): void {
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
    if (this.#requests === 0 && this.#badCount >= HOPELESS) throw this.#hopeless()
  }

  #hopeless(): TraceError {
    const [first] = this.#bad
    if (first === undefined) return new TraceError('there is no request in it')
    return new TraceError(
      `this is no trace in the format ${this.#format}: line ${first.line}: ${first.problem}; say another --format, or which --columns to read`,
    )
  }
}

function formatOf(line: string): TraceFormat {
  if (looksLikeJson(line)) return 'jsonl'
  return looksLikeCombinedLog(line) ? 'combined' : 'csv'
}
