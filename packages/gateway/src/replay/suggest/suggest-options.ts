import type { ReplayOptions } from '../replay-options.js'

export interface SuggestOptions extends Omit<ReplayOptions, 'threads' | 'server'> {
  /** The rule to tune. Required if there are several. */
  readonly rule?: string | undefined
  /**
   * Called after each pass over the trace, with the numbers of passes and of limits tried so far.
   */
  readonly onRound?: ((rounds: number, tried: number) => void) | undefined
  /**
   * Maximum number of requests remembered within the periods of the objective, at 24 bytes each.
   * Default: 16 million. If it is exceeded, fewer limits are tried per pass.
   */
  readonly mostRemembered?: number | undefined
}
