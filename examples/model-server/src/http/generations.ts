/** What the language model is doing and has done, for /healthz and for tests. */
export interface GenerationCounts {
  /** Answers that are being written now. */
  readonly running: number
  /** Answers that were given up because the client went away. */
  readonly abandoned: number
  /** Tokens written since the start, those of abandoned answers included. */
  readonly tokens: number
}

export class Generations implements GenerationCounts {
  running = 0
  abandoned = 0
  tokens = 0
}
