/** Counters of the language model, for /healthz and tests. */
export interface GenerationCounts {
  /** Number of running responses. */
  readonly running: number
  /** Number of responses that were aborted because the client disconnected. */
  readonly abandoned: number
  /** Number of tokens generated so far, including those of aborted responses. */
  readonly tokens: number
}

export class Generations implements GenerationCounts {
  running = 0
  abandoned = 0
  tokens = 0
}
