import type { ReplayOptions } from '../replay-options.js'

export interface SuggestOptions extends Omit<ReplayOptions, 'threads'> {
  /** The rule whose limit is searched for, where there are several. */
  readonly rule?: string | undefined
  /** Is told how often the trace was read, and how many limits were tried. */
  readonly onRound?: ((rounds: number, tried: number) => void) | undefined
  /** Requests within the wish's periods that are remembered at a time, 24 bytes each; default 16 million. With more, fewer limits are tried at once. */
  readonly mostRemembered?: number | undefined
}
