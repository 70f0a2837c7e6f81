import { Readable } from 'node:stream'
import { FileSeries } from './file-series.js'
import { mergeLines } from './merge-lines.js'
import { lineEnd, timeOf } from './record-line.js'
import { findRecord } from './worker-files.js'

/** Bytes of all files read at a time. */
const CHUNKS_SIZE = 2 ** 18
/** Minimum number of bytes read at a time from a file. */
const MIN_CHUNK_SIZE = 2 ** 14

/** The record of a gateway. */
interface RecordSource {
  /** The configured file. Workers record to files beside it. */
  readonly file: string
  /** Maximum number of files of one process. Default: all that exist. */
  readonly files?: number
}

/**
 * The traffic recorded up to a point in time, by all workers. It does not change while more is
 * recorded and files are rotated, so it can be read several times.
 */
export class RecordSnapshot {
  /** One for each process that recorded. */
  readonly #series: readonly FileSeries[]

  private constructor(series: readonly FileSeries[]) {
    this.#series = series
  }

  /**
   * Opens the files of the record.
   *
   * @param since epoch milliseconds; earlier requests are skipped
   */
  static async take({ file, files }: RecordSource, since?: number): Promise<RecordSnapshot> {
    const series: FileSeries[] = []
    try {
      for (const found of await findRecord(file))
        series.push(await FileSeries.open(found.file, files ?? found.count, since))
    } catch (error) {
      await Promise.all(series.map((each) => each.close()))
      throw error
    }
    return new RecordSnapshot(series.filter((each) => each.files > 0))
  }

  get files(): number {
    return this.#sum(({ files }) => files)
  }

  /** Compressed size in bytes. */
  get size(): number {
    return this.#sum(({ size }) => size)
  }

  /** Number of compressed bytes that the current pass has read. */
  get bytesRead(): number {
    return this.#sum(({ bytesRead }) => bytesRead)
  }

  /** The fraction that the current pass has read so far, from 0 to 1. */
  get part(): number {
    return this.bytesRead / Math.max(1, this.size)
  }

  /** Number of files that the last pass could not read to the end. */
  get damaged(): number {
    return this.#sum(({ damaged }) => damaged)
  }

  /** True if the last pass read a file that was not closed, or is damaged. */
  get isTruncated(): boolean {
    return this.#series.some(({ isTruncated }) => isTruncated)
  }

  /** Reads the decompressed lines from the start. Passes must not overlap. */
  read(): Readable {
    return Readable.from(this.lines())
  }

  /** Reads as `read` does, in chunks of whole lines. */
  lines(): AsyncGenerator<Buffer> {
    const chunkSize = Math.max(MIN_CHUNK_SIZE, Math.floor(CHUNKS_SIZE / Math.max(1, this.#series.length)))
    return mergeLines(this.#series.map((each) => each.lines(chunkSize)))
  }

  /** Epoch milliseconds of the first request; undefined if there is none. */
  async firstRequestTime(): Promise<number | undefined> {
    for await (const lines of this.read())
      for (let at = 0; at < lines.length; at = lineEnd(lines, at)) {
        const time = timeOf(lines, at)
        if (time !== undefined) return time
      }
    return undefined
  }

  async close(): Promise<void> {
    await Promise.all(this.#series.map((each) => each.close()))
  }

  #sum(of: (series: FileSeries) => number): number {
    return this.#series.reduce((sum, each) => sum + of(each), 0)
  }
}
