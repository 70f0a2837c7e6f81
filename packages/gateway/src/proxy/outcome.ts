import type { UpstreamFailure } from './upstream-failure.js'

/** How an exchange ended. */
export type ForwardOutcome =
  /** The whole answer was handed to the client's connection. */
  | { readonly kind: 'answered'; readonly status: number }
  /** The connection to the client is closed. `started`: some of the answer had been written. */
  | { readonly kind: 'cut'; readonly by: 'client' | 'upstream'; readonly started: boolean }
  /** The upstream gave no answer and nothing has been written: the caller answers. */
  | ({ readonly kind: 'failed' } & UpstreamFailure)
