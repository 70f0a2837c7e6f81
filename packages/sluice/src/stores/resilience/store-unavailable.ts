/**
 * Thrown when an operation fails because the store is unavailable: a decision under the policy
 * `closed`, or a reset under any policy. HTTP adapters respond with status 503 and `Retry-After`.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
  /** HTTP status of the response. */
  readonly status = 503
  /** Milliseconds after which a retry is useful. */
  readonly retryAfter: number

  /**
   * `operation` states what failed, such as 'the key cannot be reset'. `cause` is the store's
   * error.
   */
  constructor(operation: string, retryAfter: number, cause: unknown) {
    super(`${operation}: the store failed (${reasonOf(cause)})`, { cause })
    this.retryAfter = retryAfter
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
