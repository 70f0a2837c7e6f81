import type { ServerFigures } from './server-figures.js'

/** The service level that an answer must reach to count as goodput. */
export interface GoodputTarget {
  /** Longest time from the arrival of a request to its first token, in milliseconds. */
  readonly firstTokenMs: number
  /** Longest mean time between its tokens, in milliseconds. */
  readonly gapMs: number
}

/** A model server to which a replay sends admitted requests. */
export interface ServerSetup {
  /** The name of the preset or of the file. */
  readonly name: string
  readonly figures: ServerFigures
  readonly goodput: GoodputTarget
  /** How long clients wait for the first token, in milliseconds. Undefined: for ever. */
  readonly patienceMs?: number | undefined
}
