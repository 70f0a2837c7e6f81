import type { ReplayOptions } from '../replay-options.js'

export interface SuggestOptions extends Omit<ReplayOptions, 'threads'> {
  /** The rule to tune. Required if there are several. */
  readonly rule?: string | undefined
  /** Receives how often the trace was read and how many limits were tried. */
  readonly onRound?: ((rounds: number, tried: number) => void) | undefined
  /**
   * Bound on the requests remembered within the periods of the objective, 24 bytes each. Default:
   * 16 million. If it is exceeded, fewer limits are tried at once.
   */
  readonly mostRemembered?: number | undefined
}
