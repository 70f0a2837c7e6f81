/** Follows the output of a response while it streams. */
export interface ProgressListener {
  /**
   * The first output arrived: text, a thought, a tool call, or a reported count of output. Called
   * once. Headers, comments and events without output do not count.
   *
   * @param at monotonic milliseconds
   */
  began(at: number): void
  /**
   * @param output the output tokens so far, which grow with each call
   * @param shown the part of them that arrived as text, a thought or a tool call
   */
  wrote(output: number, shown: number): void
}

/** Output is reported again after this many tokens, or after `REPORT_INTERVAL_MS` if it grew at all. */
const REPORTED_TOKENS = 32
const REPORT_INTERVAL_MS = 250

/**
 * Tells a listener how far a response is, but not about every event. It has no timer: output is
 * reported when an event arrives, so the end of a response may be unreported.
 */
export class Progress {
  readonly #listener: ProgressListener
  readonly #now: () => number
  #reported = 0
  /** When output was last reported; undefined before the first output. */
  #reportedAt: number | undefined

  /** @param now the monotonic time, in milliseconds */
  constructor(listener: ProgressListener, now: () => number) {
    this.#listener = listener
    this.#now = now
  }

  /** An event was read. @param output the output tokens so far. @param shown the part that arrived */
  onEvent(output: number, shown: number): void {
    if (output <= this.#reported) return
    const now = this.#now()
    if (this.#reportedAt === undefined) {
      this.#reportedAt = now
      this.#listener.began(now)
    }
    if (output - this.#reported < REPORTED_TOKENS && now - this.#reportedAt < REPORT_INTERVAL_MS) return
    this.#reported = output
    this.#reportedAt = now
    this.#listener.wrote(output, shown)
  }
}
