import type { TraceRequest } from './trace-request.js'

/** Reads one format line by line. */
export interface LineReader {
  /**
   * Reads the line between two positions of a string. Returns undefined if the line contains no
   * request, such as a header, or only the start of one.
   *
   * @throws BadLineError if the line is invalid; TraceError if the whole trace is invalid
   */
  read(text: string, from: number, to: number): TraceRequest | undefined
  /** Ends the input. @throws BadLineError if the last record is incomplete */
  end?(): void
}
