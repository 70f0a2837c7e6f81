import type { UpstreamFailure } from './upstream-failure.js'

/** How an exchange ended. */
export type ForwardResult =
  /** The whole answer was handed to the client's connection. */
  | { readonly kind: 'answered'; readonly status: number }
  /** The connection to the client is closed. `started`: some of the answer had been written. */
  | { readonly kind: 'cut'; readonly by: 'client' | 'upstream'; readonly started: boolean }
  /** The upstream gave no answer and nothing has been written: the caller answers. */
  | ({ readonly kind: 'failed' } & UpstreamFailure)

/** How far a request and its answer came, however the exchange ended. */
export interface Passed {
  /** The request was begun to be sent on a connection to the upstream. */
  readonly reached: boolean
  /** The status of the upstream's answer; 0 where there was none. */
  readonly status: number
}
