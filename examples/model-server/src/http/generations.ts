/** Counters of the language model, for /healthz and tests. */
export interface GenerationCounts {
  /** Running responses. */
  readonly running: number
  /** Responses that were aborted because the client disconnected. */
  readonly abandoned: number
  /** Tokens generated so far, including those of aborted responses. */
  readonly tokens: number
}

export class Generations implements GenerationCounts {
  running = 0
  abandoned = 0
  tokens = 0
}
