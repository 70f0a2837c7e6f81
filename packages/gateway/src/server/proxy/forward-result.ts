import type { UpstreamFailure } from './upstream-failure.js'

/** The result of an exchange. */
export type ForwardResult =
  /** The whole response was handed to the client's connection. */
  | { readonly kind: 'answered'; readonly status: number }
  /**
   * The client did not get the whole response. `started`: part of it had been written. Its connection
   * is closed, unless a limit ended the response, which is then complete for the client.
   */
  | { readonly kind: 'interrupted'; readonly by: Interrupter; readonly started: boolean }
  | FailedForward

/** Who ended a response early. `quota`: a limit that could hold no more of a stream. */
type Interrupter = 'client' | 'upstream' | 'quota'

/**
 * The upstream did not respond and nothing was written to the client: the caller must send a
 * response.
 */
export type FailedForward = { readonly kind: 'failed' } & UpstreamFailure

/** The progress of an exchange when it ended, regardless of the result. */
export interface ForwardProgress {
  /** True if the gateway started to send the request on a connection to the upstream. */
  readonly reached: boolean
  /** The status of the upstream's response; 0 without one. */
  readonly status: number
  /** The headers of the upstream's response: name, value, name, value. Undefined without one. */
  readonly rawHeaders?: readonly string[] | undefined
}
