/** A request to a model server. */
export interface ServerRequest {
  /** Identifies the request among those that have not ended. */
  readonly id: number
  /** Prompt tokens. */
  readonly input: number
  /** Tokens of the response. A request without output, such as an embedding, ends after its prompt. */
  readonly output: number
  /** Prompt tokens at the beginning that the server has cached. They are not read again. Default: 0. */
  readonly cached?: number | undefined
}

/**
 * Receives what happens to requests. A call may submit and cancel requests. Times are in
 * milliseconds and never decrease from call to call.
 */
export interface ServerListener<R extends ServerRequest> {
  /** The first output token was written, or the prompt of a request without output was read. */
  began(request: R, at: number): void
  /** Reports the output so far, every `reportEveryMs` while the request is running. */
  wrote?(request: R, output: number, at: number): void
  /** The request is complete. */
  ended(request: R, at: number): void
  /** The request lost its place in the KV cache and waits to be computed again. */
  preempted?(request: R, at: number): void
}
