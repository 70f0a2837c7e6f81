import type { TraceRequest } from './trace-request.js'

/** Reads one format, a line after the other. */
export interface LineReader {
  /**
   * The request that a line tells of; undefined where it tells of none, as a head does, or not the whole of it yet. The line is that between two
   * places of a text.
   *
   * @throws BadLineError for a line that cannot be read, TraceError where no line will.
   */
  read(text: string, from: number, to: number): TraceRequest | undefined
  /** There are no more lines. @throws BadLineError where there should be. */
  end?(): void
}
